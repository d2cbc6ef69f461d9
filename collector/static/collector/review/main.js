// The review page: what each key and button does. The screen changes at once; the outbox tells the server behind it.

import { Chooser } from "./chooser.js";
import { Images } from "./images.js";
import { listen } from "./keys.js";
import { notices, sendingWords } from "./notices.js";
import { Outbox } from "./outbox.js";
import { Queue } from "./queue.js";
import { Session, setSingleKeys, singleKeys } from "./session.js";

const PRELOAD = 5;
const STILL_WAITING = new Set([400, 403]); // refusals that leave the photo undecided
const LOOK_AGAIN_MS = 15_000; // how soon an empty page notices new photos

const by = (id) => document.getElementById(id);
const start = JSON.parse(by("start").textContent);
const session = new Session(start.slug);
const history = []; // {photo, words}: what undo takes back, newest last
let undoing = 0; // undos under way of which only the server knows the photo
const notice = notices(by("notices"), start.login_url, () => outbox.flush());

const outbox = new Outbox(start.decisions_url, `daybreak.outbox.${start.slug}.${start.user}`, {
  state: (state) => {
    by("sending").textContent = sendingWords(state);
    by("sending").dataset.state = state.state;
    notice.connection(state);
  },
  saved: onSaved,
  refused: onRefused,
});
const queue = new Queue(start.queue_url, start, outbox.photoIds);
const images = new Images(by("stage"), paintWords);
const reasons = new Chooser(by("reasons"), { opener: by("reject"), actions: by("actions"), onChoose: reject });
const labels = new Chooser(by("labels"), {
  opener: by("relabel"), actions: by("actions"), filter: by("label-filter"), onChoose: relabel,
});

// --- what a reviewer can do ---------------------------------------------------------------------------------------

function accept() {
  const label = queue.current?.label;
  if (!label) return say("Nobody said what this shows. Name it with Relabel.");
  decide({ action: "accept" }, `Accepted as ${label.name}.`);
}

function reject(reason, words) {
  decide({ action: "reject", reason }, `Rejected: ${words}.`);
}

function relabel(label, name) {
  decide({ action: "relabel", label }, `Accepted as ${name}.`);
}

function decide(decision, words) {
  if (!canDecide()) return;
  const photo = queue.decide();
  history.push({ photo, words });
  session.done += 1;
  outbox.add({ ...decision, photo: photo.id });
  render(words);
  fetchMore();
}

function canDecide() {
  if (!queue.current) return false;
  if (undoing > 0) {
    say("Still undoing; one moment."); // the photo is about to change
    return false;
  }
  const state = images.state(queue.current);
  if (state === "loading") say("The photo is still loading.");
  if (state === "broken") say("A photo that cannot be seen cannot be judged. Skip it, or load it again.");
  return state === "shown";
}

function skip() {
  if (!queue.current) return;
  queue.skip();
  render("Skipped; it comes back at the end.");
  fetchMore();
}

function undo() {
  const last = history.pop();
  // Nothing decided since the page was loaded: the server knows the decision before that.
  if (!last) {
    undoing += 1;
    return outbox.add({ action: "undo" });
  }
  session.done -= 1;
  queue.putBack(last.photo);
  if (!outbox.recall(last.photo.id)) outbox.add({ action: "undo", photo: last.photo.id });
  render(`Undone: ${last.words}`);
}

function openChooser(chooser) {
  if (canDecide()) chooser.open();
}

// --- what the server says -----------------------------------------------------------------------------------------

function onSaved(decision, answer) {
  if (decision.action !== "undo" || decision.photo) return;
  undoing -= 1;
  if (!answer.photo) return say("There is nothing of yours left to undo.");
  queue.putBack(answer.photo);
  render("Your last decision is undone.");
}

function onRefused(decision, problem, status) {
  const at = history.findLastIndex((entry) => entry.photo.id === decision.photo);
  const photo = at >= 0 ? history.splice(at, 1)[0].photo : null;
  if (decision.action !== "undo") session.done -= photo ? 1 : 0;
  else if (decision.photo) session.done += 1; // the decision stands after all
  else undoing -= 1;
  if (decision.photo) {
    outbox.forget(decision.photo);
    queue.drop(decision.photo);
  }
  if (photo && STILL_WAITING.has(status)) queue.postpone(photo);
  notice.refused(problem, photo);
  render("A decision was not saved; the notice says why.");
  fetchMore();
}

// --- the screen ---------------------------------------------------------------------------------------------------

function render(words = "") {
  const photo = queue.current;
  images.show(photo, queue.next(PRELOAD));
  by("left").textContent = queue.left;
  by("done").textContent = session.done;
  const wasEmpty = by("work").hidden;
  by("work").hidden = !photo;
  by("empty").hidden = Boolean(photo);
  if (photo) renderClaims(photo);
  else renderEmpty(wasEmpty);
  paintWords();
  if (words) say(photo ? words : `${words} Nothing is left to review.`);
}

function renderClaims(photo) {
  by("claim").textContent = photo.label ? photo.label.name : "Nothing: please name it";
  by("claim").classList.toggle("unknown", !photo.label);
  by("nickname").textContent = photo.nickname || "a guest";
  by("challenge").textContent = photo.challenge || "none";
  by("accept").disabled = !photo.label;
  by("accept-as").textContent = photo.label ? `as ${photo.label.name}` : "";
}

function renderEmpty(wasEmpty) {
  const skipped = queue.skippedCount;
  by("again").hidden = skipped === 0;
  by("empty-title").textContent = skipped ? `Only the ${skipped} you skipped are left` : "Nothing is waiting for review";
  if (!wasEmpty) by("empty-title").focus();
}

function paintWords() {
  const photo = queue.current;
  const state = photo ? images.state(photo) : "shown";
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

// A screen reader hears what was done and what comes next in one sentence.
function say(words) {
  const photo = queue.current;
  by("status").replaceChildren(words, spoken(photo ? ` Next: ${photo.label ? photo.label.name : "no label"}. ${queue.left} left.` : ""));
}

function spoken(words) {
  return Object.assign(document.createElement("span"), { className: "spoken", textContent: words });
}

async function fetchMore() {
  if (await queue.refill(() => outbox.count)) render();
}

async function lookAgain() {
  if (queue.current || document.hidden) return;
  if (await queue.lookAgain(() => outbox.count)) render("New photos have come.");
}

// --- wiring -------------------------------------------------------------------------------------------------------

const mode = () => (reasons.isOpen ? "reasons" : labels.isOpen ? "labels" : "photo");
const intents = {
  accept, skip, undo,
  reject: () => openChooser(reasons),
  relabel: () => openChooser(labels),
  help: () => by("help-dialog").showModal(),
  close: () => (reasons.isOpen ? reasons : labels).close(),
  choose: (digit) => (reasons.isOpen ? reasons : labels).choose(digit),
  find: () => labels.type(),
  type: () => labels.type(),
};

listen(mode, singleKeys, (name, digit) => intents[name](digit));
for (const name of ["accept", "reject", "relabel", "undo", "skip", "help"]) by(name).addEventListener("click", () => intents[name]());
by("empty-undo").addEventListener("click", undo);
by("again").addEventListener("click", () => { queue.resume(); render(); });
by("single-keys").checked = singleKeys();
by("single-keys").addEventListener("change", (event) => setSingleKeys(event.target.checked));
for (const event of ["online", "focus"]) window.addEventListener(event, () => outbox.flush());
window.addEventListener("beforeunload", (event) => { if (outbox.count) event.preventDefault(); });
setInterval(lookAgain, LOOK_AGAIN_MS);

render();
outbox.flush();
fetchMore();
document.documentElement.dataset.ready = "review"; // keys work from here on; tests wait for it
