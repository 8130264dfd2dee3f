// ---------------------------------------------------------------- lists that are fetched

async function fetched(path) {
  try {
    const answer = await fetch(BASE + "api/" + path, { headers: headers(), signal: AbortSignal.timeout(PATIENCE_MS) });
    return answer.ok ? await answer.json() : null;
  } catch { return null; /* the stream reports it */ }
}

// A telephone shows no title: why a call led to nothing is said in the entry itself.
function errorIn(result) {
  try { return JSON.parse(result).error || ""; } catch { return ""; }
}

async function actions() {
  const found = (await fetched("actions"))?.actions || [];
  $("acts").hidden = !found.length;
  $("actions").replaceChildren(...found.map((one) => {
    const took = one.took_ms < 1000 ? "" : " " + t("ui.after", { span: seconds(one.took_ms) });
    const reason = one.phase === "unconfirmed" ? "" : errorIn(one.result);
    const words = one.tool + ": " + t("phase." + one.phase) + took + (one.as_asked === "unknown" ? "" : ", " + t("as_asked." + one.as_asked)) + (reason && ": " + inWords(reason));
    const when = new Date(one.time).toLocaleString(LANGUAGE) + (one.asked ? " – “" + one.asked + "”" : "");
    return make("li", { dir: "auto", title: [one.arguments, one.result].filter(Boolean).join(" → ") }, make("b", { textContent: when }), make("span", { textContent: words }));
  }));
}

async function notes() {
  const found = (await fetched("notes"))?.notes || [];
  $("notebox").hidden = !found.length;
  $("kept").replaceChildren(...found.map((one) => {
    const button = make("button", { type: "button", textContent: t("ui.delete") });
    button.setAttribute("aria-label", t("ui.delete_note", { text: one.text }));
    button.onclick = async () => { if (await send("DELETE", "notes/" + encodeURIComponent(one.id))) notes(); };
    return make("li", {}, make("span", { textContent: one.text + " ", dir: "auto" }), button);
  }));
}

async function tools() {
  const found = await fetched("tools"), sources = found?.sources || [];
  $("toolbox").hidden = !sources.length;
  $("tools").replaceChildren(...sources.map((source) => {
    const list = found.list.filter((one) => one.source === source.name);
    const summary = make("summary", { dir: "auto", textContent: source.name + ": " + t("source." + source.state) + ", " + count(source.tools, "ui.tool_unit") + (source.note ? " (" + source.note + ")" : "") });
    return make("details", {}, summary, make("ul", {}, ...list.map((one) => make("li", { dir: "auto" },
      make("strong", { textContent: one.name }), (one.confirm ? " [" + t("ui.needs_yes") + "] " : " ") + one.description))));
  }));
}

// ---------------------------------------------------------------- wake words of one's own

async function taught() {
  const found = await fetched("wake");
  $("teachbox").hidden = !found;
  $("taught").replaceChildren(...(found?.words || []).map((one) => {
    const button = make("button", { type: "button", textContent: t("ui.delete") });
    button.setAttribute("aria-label", t("ui.delete_word", { word: one.name }));
    button.onclick = async () => { if (await send("DELETE", "wake/words/" + encodeURIComponent(one.name))) taught(); };
    return make("li", {}, make("span", { textContent: one.name + " ", dir: "auto" }), button);
  }));
}

async function teach(step) {
  const name = $("newword").value.trim(), buttons = [...document.querySelectorAll("#teach button")];
  if (!name) return $("newword").reportValidity();
  for (const each of buttons) each.disabled = true;
  if (step !== "cancel") set("teaching", t("ui.say_it", { word: name }));
  const answer = await request("POST", "wake/teach", { name, step }, TEACH_MS), found = answer && await answer.json();
  for (const each of buttons) each.disabled = false;
  $("stopteaching").hidden = $("learned").hidden = !found || found.done || step !== "record";
  if (!found || step === "cancel") return set("teaching", t("ui.teach_how"));
  const next = step === "record" && !found.done && found.how ? t("ui.next", { how: inWords(found.how) }) : "";
  const score = found.score === null ? "" : t("ui.score", { score: number(found.score, 2) });
  set("teaching", [t(found.accepted ? "ui.accepted" : "ui.not_accepted"), inWords(found.reason), score, next, ...found.warnings.map((each) => inWords(each))].filter(Boolean).join(" "));
  $("learned").max = found.needed;
  $("learned").value = found.recorded;
  if (found.done) taught();
  $("teach").querySelector("[type=submit]").focus();
}

// ---------------------------------------------------------------- settings of this page

async function settings() { drawSettings(await fetched("settings")); }

function drawSettings(found) {
  const list = found?.settings || [];
  $("settingsbox").hidden = !list.length;
  $("reset").hidden = !list.some((one) => one.changed);
  $("settings").replaceChildren(...list.map(settingField));
}

function choiceWords(each) {
  const known = t("choice." + each);
  return each === "" ? t("ui.nobody_special") : known === "choice." + each ? each : known;
}

function settingField(one) {
  const id = "set-" + one.name, label = make("label", { htmlFor: id, textContent: t("setting." + one.name) });
  const input = one.choices ? make("select", { id }, ...one.choices.map((each) => make("option", { value: each, textContent: choiceWords(each) })))
    : make("input", { id, type: "range", min: 0, max: 1, step: .05 });
  input.value = one.value;
  const shown = make("output", { htmlFor: id, textContent: one.choices ? "" : percent(one.value) });
  input.oninput = () => { if (!one.choices) shown.textContent = percent(Number(input.value)); };
  input.onchange = async () => {
    const answer = await request("POST", "settings", { [one.name]: one.choices ? input.value : Number(input.value) }, 30000);
    answer ? drawSettings(await answer.json()) : settings();
    $(id)?.focus();
  };
  const words = one.changed ? t("ui.changed", { value: one.choices ? choiceWords(one.configured) : percent(one.configured) }) : "";
  return make("p", { className: "field" }, label, shown, input, make("span", { className: "note", dir: "auto", textContent: words }));
}
