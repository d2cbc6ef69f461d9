// The review page: what each key and button does. The screen changes at once; the outbox tells the server behind it.

import { Chooser } from "./chooser.js";
import { Grid } from "./grid.js";
import { History } from "./history.js";
import { Images } from "./images.js";
import { listen } from "./keys.js";
import { notices, sendingWords } from "./notices.js";
import { csrfToken, Outbox } from "./outbox.js";
import { Queue } from "./queue.js";
import { Session, setSingleKeys, singleKeys } from "./session.js";
import { Stack } from "./stack.js";

const PRELOAD = 5; // photos of the single view
const SCREEN = 60; // thumbnails of the grid; one more screen is loaded behind it
const PAGE = { single: 24, grid: 60 };
const BELOW = { single: 12, grid: 2 * SCREEN + 1 };
const MOST = 400; // photos in one decision; the server takes 500
const STILL_WAITING = new Set([400, 403]); // refusals that leave the photo undecided
const LOOK_AGAIN_MS = 15_000; // how soon an empty page notices new photos
const AT_FIRST = { action: "reject", reason: "wrong_object" }; // what X marks with until a reason was chosen

const by = (id) => document.getElementById(id);
const start = JSON.parse(by("start").textContent);
const session = new Session(start.slug);
const history = new History(start.history);
const notice = notices(by("notices"), start.login_url, () => outbox.flush());
let view = document.body.dataset.view;
let lastMark = { verdict: AT_FIRST, words: "wrong object" };
let about = null; // the photo an open list of reasons or labels is about

const outbox = new Outbox(start.urls, `daybreak.outbox.${start.slug}.${start.user}`, {
  state: (state) => {
    by("sending").textContent = sendingWords(state);
    by("sending").dataset.state = state.state;
    notice.connection(state);
  },
  saved: onSaved,
  refused: onRefused,
});
const queue = new Queue(start.urls.queue, start, outbox.photoIds);
const images = new Images(by("stage"), paintWords);
const stack = new Stack(by("stack"));
const grid = new Grid(by("grid"), SCREEN, (photo) => grid.mark(photo, lastMark.verdict, lastMark.words));
// Where the focus goes when a list closes: to the photo it was about, or to the button that opened it.
const opener = (name) => () => (view === "grid" ? grid.tile(about) ?? by(`grid-${name}`) : by(name));
const reasons = new Chooser(by("reasons"), { opener: opener("reject"), actions: by("actions"), onChoose: reject });
const labels = new Chooser(by("labels"), {
  opener: opener("relabel"), actions: by("actions"), filter: by("label-filter"), onChoose: relabel,
});

// --- what a reviewer can do ---------------------------------------------------------------------------------------

function accept(conditionHolds = true) {
  const photo = queue.current;
  if (!photo?.label) return say("Nobody said what this shows. Name it with Relabel.");
  const words = conditionHolds ? `Accepted as ${photo.label.name}.` : `Accepted as ${photo.label.name}, but not: ${photo.conditions.join(", ")}.`;
  decideOne({ action: "accept", condition_holds: conditionHolds }, words);
}

function notCondition() {
  if (queue.current?.conditions.length) accept(false);
  else say("The challenge asked for no condition.");
}

function reject(reason, words) {
  if (view === "grid") return markAbout({ action: "reject", reason }, words);
  decideOne({ action: "reject", reason }, `Rejected: ${words}.`);
}

function relabel(label, name) {
  if (view === "grid") return markAbout({ action: "relabel", label }, name);
  decideOne({ action: "relabel", label }, `Accepted as ${name}.`);
}

// Something private must not be looked at twice, so this asks nothing and cannot be taken back.
function privacy() {
  const photo = view === "grid" ? grid.focused : queue.current;
  if (!photo) return say("Choose a photo first.");
  if (!mayDecide() || (view === "single" && !canDecide())) return;
  const verdict = { action: "reject", reason: "privacy", photo: photo.id, also: [] };
  queue.decide([photo]);
  session.done += 1;
  send([verdict]);
  render("Erased for ever. The volunteer is told why.");
  fetchMore();
}

function decideOne(verdict, words) {
  if (!canDecide()) return;
  const photo = queue.current;
  decide([[photo, { ...verdict, also: stack.chosen(photo) }]], words);
}

function acceptAll() {
  if (!mayDecide()) return;
  if (history.isBusy) return say("Still undoing; one moment.");
  if (!grid.isPainted) return say("Some photos are still loading.");
  const pairs = [];
  const unnamed = [];
  for (const photo of grid.photos) {
    const mark = grid.marks.get(photo.id);
    const also = photo.also.map((each) => each.id);
    if (mark) pairs.push([photo, { ...mark.verdict, also }]);
    else if (photo.label) pairs.push([photo, { action: "accept", also }]);
    else unnamed.push(photo);
  }
  queue.skip(unnamed);
  const marked = pairs.filter(([, verdict]) => verdict.action === "reject").length;
  const words = `Accepted ${pairs.length - marked}, rejected ${marked}.${unnamed.length ? ` ${unnamed.length} without a name are left for the end.` : ""}`;
  if (pairs.length) decide(pairs, words);
  else render(words);
}

function decide(pairs, words) {
  const photos = pairs.map(([photo]) => photo);
  queue.decide(photos);
  session.done += photos.length;
  const decisions = inParts(pairs.map(([photo, verdict]) => ({ ...verdict, photo: photo.id }))).map(send);
  history.add({ decisions, photos, words });
  render(words);
  fetchMore();
}

function send(verdicts) {
  const decision = uuid();
  outbox.add({ decision, verdicts, again: start.again });
  return decision;
}

function canDecide() {
  if (!queue.current || !mayDecide()) return false;
  if (history.isBusy) {
    say("Still undoing; one moment."); // the photo is about to change
    return false;
  }
  const state = images.state(queue.current);
  if (state === "loading") say("The photo is still loading.");
  if (state === "broken") say("A photo that cannot be seen cannot be judged. Skip it, or load it again.");
  return state === "shown";
}

function mayDecide() {
  if (!start.may_decide) say("These photos are decided; only a lead may decide anew.");
  return start.may_decide;
}

function skip() {
  if (!queue.current) return;
  queue.skip([queue.current]);
  render("Skipped; it comes back at the end.");
  fetchMore();
}

function undo() {
  const last = history.take();
  if (!last) return say("There is nothing of yours left to undo.");
  if (last.photos) {
    session.done -= last.photos.length;
    queue.putBack(last.photos);
  }
  for (const decision of last.decisions.toReversed()) {
    if (!outbox.recall(decision)) outbox.add({ decision, undo: true });
  }
  render(last.photos ? `Undone: ${last.words}` : "Undoing…");
}

function markAbout(verdict, words) {
  const photo = about ?? grid.focused;
  if (!photo) return say("Choose a photo first.");
  if (verdict.action === "reject") lastMark = { verdict, words };
  grid.mark(photo, verdict, words);
  renderGridHead();
}

function openChooser(chooser) {
  if (view === "single") return canDecide() && chooser.open();
  about = grid.focused ?? grid.photos[0] ?? null;
  if (about && mayDecide()) chooser.open();
}

function switchView() {
  if (view === "grid" && grid.focused) queue.bringForward(grid.focused.id);
  view = view === "grid" ? "single" : "grid";
  const address = new URL(location.href);
  if (view === "grid") address.searchParams.set("view", "grid");
  else address.searchParams.delete("view");
  window.history.replaceState(null, "", address);
  render(view === "grid" ? "Grid: everything on the screen at once." : "One photo at a time.");
  if (view === "grid") grid.focusFirst();
  fetchMore();
}

// --- what the server says -----------------------------------------------------------------------------------------

function onSaved(entry, answer) {
  if (entry.undo) return onUndone(entry, answer);
  if (answer.results.every((result) => result.problem)) outbox.forget(entry.decision);
  for (const result of answer.results) {
    if (result.problem) refuse(result.photo, result.problem, result.problem.status);
  }
  const [only] = answer.results;
  if (answer.results.length === 1 && only.model) by("opinion").textContent = opinionWords(only.model, entry.verdicts[0]);
}

function onUndone(entry, answer) {
  if (!history.undone(entry.decision)) return;
  queue.putBack(answer.photos);
  render(answer.photos.length ? "Your decision is undone." : "That decision can no longer be undone.");
}

function onRefused(entry, problem, status) {
  if (entry.undo) {
    history.undone(entry.decision);
    notice.refused(problem, null);
    return render("The undo was not saved; the notice says why.");
  }
  outbox.forget(entry.decision);
  for (const verdict of entry.verdicts) refuse(verdict.photo, problem, status);
}

function refuse(photoId, problem, status) {
  const photo = history.remove(photoId);
  if (photo) session.done -= 1;
  queue.drop(photoId);
  if (photo && STILL_WAITING.has(status)) queue.postpone(photo);
  notice.refused(problem, photo);
  render("A decision was not saved; the notice says why.");
  fetchMore();
}

function opinionWords({ label, share }, verdict) {
  const percent = Math.round(share * 100);
  const name = by("label-choices").querySelector(`[data-value="${CSS.escape(label)}"]`)?.dataset.name ?? label;
  return `The model had thought: ${name}, ${percent}%${verdict.action === "reject" ? "." : ""}`;
}

// --- the screen ---------------------------------------------------------------------------------------------------

function render(words = "") {
  const photo = queue.current;
  const isGrid = view === "grid";
  document.body.dataset.view = view;
  by("view").setAttribute("aria-pressed", String(isGrid));
  by("left").textContent = queue.leftWords;
  by("done").textContent = session.done.toLocaleString("en");
  const wasEmpty = by("work").hidden;
  by("work").hidden = !photo;
  for (const id of ["stage", "claims", "single-actions"]) by(id).hidden = isGrid;
  for (const id of ["grid", "grid-head", "grid-actions"]) by(id).hidden = !isGrid;
  by("stack").hidden = isGrid || !photo?.also.length;
  by("empty").hidden = Boolean(photo);
  const screen = isGrid ? queue.screen(2 * SCREEN) : [];
  grid.show(screen.slice(0, SCREEN), screen.slice(SCREEN));
  if (!isGrid) images.show(photo, queue.screen(PRELOAD + 1).slice(1));
  if (photo && !isGrid) renderClaims(photo);
  if (photo && isGrid) renderGridHead();
  if (!photo) renderEmpty(wasEmpty);
  paintWords();
  if (words) say(photo ? words : `${words} Nothing is left to review.`);
}

function renderClaims(photo) {
  by("claim").textContent = photo.label ? photo.label.name : "Nothing: please name it";
  by("claim").classList.toggle("unknown", !photo.label);
  by("nickname").textContent = photo.nickname || "a guest";
  by("challenge").textContent = photo.challenge || "none";
  by("conditions").textContent = photo.conditions.join(", ");
  by("conditions-row").hidden = photo.conditions.length === 0;
  by("not-condition").hidden = photo.conditions.length === 0;
  by("remarks").replaceChildren(...photo.remarks.map((remark) => Object.assign(document.createElement("span"), { className: "pill pill-warn", textContent: remark })));
  by("details").href = photo.details;
  by("accept").disabled = !photo.label;
  by("accept-as").textContent = photo.label ? `as ${photo.label.name}` : "";
  stack.show(photo);
}

function renderGridHead() {
  by("grid-count").textContent = `Accept ${grid.photos.length === 1 ? "this photo" : `these ${grid.photos.length}`}, but the marked`;
  by("grid-mark").textContent = lastMark.words;
}

function renderEmpty(wasEmpty) {
  const skipped = queue.skippedCount;
  by("again").hidden = skipped === 0;
  const title = skipped ? `Only the ${skipped} you skipped are left` : queue.left ? "The rest is on other reviewers' screens" : "Nothing is waiting for review";
  by("empty-title").textContent = start.again && !skipped ? "No photo matches" : title;
  if (!wasEmpty) by("empty-title").focus();
}

function paintWords() {
  const photo = queue.current;
  const state = photo && view === "single" ? images.state(photo) : "shown";
  const words = by("stage-words");
  words.hidden = state === "shown";
  if (state === "loading") words.textContent = "Loading the photo…";
  if (state === "broken") words.replaceChildren("This photo could not be loaded.", loadAgain(photo));
}

function loadAgain(photo) {
  const button = Object.assign(document.createElement("button"), {
    type: "button", className: "button", textContent: "Load it again", onclick: () => images.reload(photo),
  });
  return button;
}

function zoom(step) {
  const stage = by("stage");
  const level = Math.min(3, Math.max(0, Number(stage.dataset.zoom ?? 0) + step));
  stage.dataset.zoom = String(level);
}

// A screen reader hears what was done and what comes next in one sentence.
function say(words) {
  const photo = queue.current;
  by("opinion").textContent = "";
  const next = photo && view === "single" ? ` Next: ${photo.label ? photo.label.name : "no label"}. ${queue.leftWords} left.` : "";
  by("status").replaceChildren(words, Object.assign(document.createElement("span"), { className: "spoken", textContent: next }));
}

async function fetchMore() {
  if (await queue.refill(BELOW[view], PAGE[view], () => outbox.count)) render();
}

async function lookAgain() {
  if (queue.current || document.hidden) return;
  if (await queue.lookAgain(PAGE[view], () => outbox.count)) render("New photos have come.");
}

// Others may have what was not decided here.
function release() {
  const form = new FormData();
  form.set("csrfmiddlewaretoken", csrfToken());
  form.set("photos", queue.ids.join(","));
  if (queue.ids.length) navigator.sendBeacon(start.urls.release, form);
}

function inParts(verdicts) {
  const parts = [[]];
  let photos = 0;
  for (const verdict of verdicts) {
    photos += 1 + verdict.also.length;
    if (photos > MOST) {
      parts.push([]);
      photos = 1 + verdict.also.length;
    }
    parts.at(-1).push(verdict);
  }
  return parts;
}

// crypto.randomUUID is missing where a page comes over plain HTTP from another machine.
function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

// --- wiring -------------------------------------------------------------------------------------------------------

const mode = () => (reasons.isOpen ? "reasons" : labels.isOpen ? "labels" : view === "grid" ? "grid" : "photo");
const intents = {
  accept: () => accept(), notCondition, skip, undo, privacy, acceptAll,
  reject: () => openChooser(reasons),
  relabel: () => openChooser(labels),
  view: switchView,
  details: () => (grid.focused ?? queue.current) && window.open((grid.focused ?? queue.current).details, "_blank", "noopener"),
  closer: () => zoom(1),
  farther: () => zoom(-1),
  mark: () => { about = grid.focused; markAbout(lastMark.verdict, lastMark.words); },
  markAs: (digit) => { about = grid.focused; reasons.choose(digit); },
  move: (value) => grid.move(value),
  help: () => by("help-dialog").showModal(),
  close: () => (reasons.isOpen ? reasons : labels).close(),
  choose: (digit) => (reasons.isOpen ? reasons : labels).choose(digit),
  find: () => labels.type(),
  type: () => labels.type(),
};
const BUTTONS = {
  accept: "accept", "not-condition": "notCondition", reject: "reject", relabel: "relabel", undo: "undo", skip: "skip",
  privacy: "privacy", help: "help", view: "view", "accept-all": "acceptAll", "grid-undo": "undo", "grid-reject": "reject",
  "grid-relabel": "relabel", "grid-privacy": "privacy", "empty-undo": "undo",
};

listen(mode, singleKeys, (name, value) => intents[name](value));
for (const [id, intent] of Object.entries(BUTTONS)) by(id).addEventListener("click", () => intents[intent]());
by("again").addEventListener("click", () => { queue.resume(); render(); });
by("single-keys").checked = singleKeys();
by("single-keys").addEventListener("change", (event) => setSingleKeys(event.target.checked));
by("filter").addEventListener("change", () => by("filter").requestSubmit());
for (const event of ["online", "focus"]) window.addEventListener(event, () => outbox.flush());
window.addEventListener("beforeunload", (event) => { if (outbox.count) event.preventDefault(); });
window.addEventListener("pagehide", release);
setInterval(lookAgain, LOOK_AGAIN_MS);

render();
outbox.flush();
fetchMore();
document.documentElement.dataset.ready = "review"; // keys work from here on; tests wait for it
