// Words for what went wrong: a decision that was not taken, a connection that is gone. Never lost in a console.

const KEPT = 3;

/** Notices inside `box`. `retry` is called by the button of a broken connection. */
export function notices(box, loginUrl, retry) {
  let connection = null;
  let shown = ""; // the state the connection's notice was made for
  return {
    /** A decision the server did not take, in the server's own words. */
    refused(problem, photo) {
      const label = photo?.label ? ` (claimed as ${photo.label.name})` : "";
      const words = [problem.detail ?? problem.title ?? "The server refused this decision.", problem.do].filter(Boolean).join(" ");
      add(box, "notice-warn", `Not saved${label}: ${words}`, button("Dismiss", (note) => note.remove()));
      const all = box.querySelectorAll(".notice-warn");
      if (all.length > KEPT) all[0].remove();
    },

    /** Shown while decisions cannot be sent; gone as soon as they are. */
    connection({ state, count, seconds }) {
      const broken = state === "retrying" || state === "signed-out";
      if (state === "sending" && connection) return; // keep the words until it is known whether this try worked
      const words = broken ? connectionWords(state, count, seconds) : "";
      if (connection && state === shown) return (connection.querySelector("p").textContent = words);
      connection?.remove();
      connection = broken ? add(box, "notice-bad", words, ...connectionActions(state, loginUrl, retry)) : null;
      shown = state;
    },
  };
}

export function sendingWords({ state, count }) {
  if (state === "idle") return "All saved";
  return count === 1 ? "Saving 1 decision…" : `Saving ${count} decisions…`;
}

function connectionWords(state, count, seconds) {
  const what = count === 1 ? "1 decision is" : `${count} decisions are`;
  if (state === "signed-out") return `You are signed out; ${what} kept here. Sign in in another tab, then come back.`;
  return `The server cannot be reached; ${what} kept here and sent again in ${seconds} s. You can go on reviewing.`;
}

function connectionActions(state, loginUrl, retry) {
  const again = button("Try now", retry);
  if (state !== "signed-out") return [again];
  const link = Object.assign(document.createElement("a"), {
    className: "button", href: loginUrl, target: "_blank", textContent: "Sign in (new tab)",
  });
  return [link, again];
}

function add(box, kind, words, ...actions) {
  const note = Object.assign(document.createElement("div"), { className: `notice ${kind}` });
  note.append(Object.assign(document.createElement("p"), { textContent: words }), ...actions);
  box.append(note);
  return note;
}

function button(words, act) {
  const made = Object.assign(document.createElement("button"), { type: "button", className: "button", textContent: words });
  made.addEventListener("click", () => act(made.closest(".notice")));
  return made;
}
