// Watches a night that is still going: asks every two seconds where it stands, and shows the whole result when it ends.

const EVERY_MS = 2000;
const STALE_AFTER = 3; // tries in a row without an answer before the page says so

const by = (id) => document.getElementById(id);
const url = by("stages-panel").dataset.progressUrl;
let failed = 0;
let spokenStage = null;

async function watch() {
  if (!document.hidden) await look();
  setTimeout(watch, EVERY_MS);
}

async function look() {
  try {
    const response = await fetch(url, { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(String(response.status));
    const progress = await response.json();
    failed = 0;
    if (progress.is_finished) return location.reload(); // the figures, files and labels are drawn by the server
    show(progress);
  } catch {
    failed += 1;
    if (failed >= STALE_AFTER) by("live-eta").textContent = "No answer from the server; trying on.";
  }
}

function show(progress) {
  by("headline").textContent = progress.headline;
  const state = by("state");
  state.textContent = progress.state_words;
  state.className = `pill${progress.tone ? ` pill-${progress.tone}` : ""}`;
  for (const stage of progress.stages) showStage(stage);
  showNow(progress.now);
}

function showStage(stage) {
  const row = document.querySelector(`[data-stage="${stage.name}"]`);
  row.className = `stage-row is-${stage.state}`;
  row.querySelector("[data-state]").textContent = stage.state_words;
  row.querySelector("[data-took]").textContent = stage.took;
}

function showNow(now) {
  const bar = by("bar");
  if (!now || !now.total) bar.removeAttribute("value"); // a bar without a value says "busy, no end known"
  else Object.assign(bar, { max: now.total, value: Math.min(now.step, now.total) });
  by("live-now").textContent = now ? nowWords(now) : "Waiting to start";
  by("live-eta").textContent = now?.eta_s == null ? "" : `about ${duration(now.eta_s)} left in this stage`;
  if (now && now.stage !== spokenStage) {
    spokenStage = now.stage; // only a new stage is spoken: every step would be noise
    by("live-spoken").textContent = `Stage ${now.stage} has begun.`;
  }
}

function nowWords({ stage, step, total, message }) {
  const count = total ? ` ${step} of ${total}` : "";
  return `${stage}${count}${message ? `: ${message}` : ""}`;
}

function duration(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

watch();
