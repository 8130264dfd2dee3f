// ---------------------------------------------------------------- drawing

function drawState(found) {
  document.body.dataset.colour = colourOf(found[0][0]);
  set("word", t("state." + found[0][0]));
  set("detail", found.map(sentence).join(" "));
  document.title = t("state." + found[0][0]) + " – " + $("title").textContent;
}

function draw() {
  $("meter").hidden = $("volume").disabled = !live;
  $("mute").setAttribute("aria-pressed", live && !!state.muted);
  set("mute", t(live && state.muted ? "ui.unmute" : "ui.mute"));
  if (!live) return blank();
  const found = conditions(state), where = state.connection;
  drawState(found);
  set("title", state.daemon?.name || t("ui.title"));
  const names = found.map((one) => one[0]), others = names.slice(1); // the headline says the first
  if (where.asleep) pill("connection", t(others.includes("asleep") ? "state.asleep" : "ui.not_connected"), "rests");
  else if (names.includes("no_connection") || names.includes("over_budget")) pill("connection", t("ui.not_connected"), "on");
  else if (where.state === "open" || where.state === "renewing") pill("connection", t("ui.connected"), "good");
  else pill("connection", t(where.state === "closing" ? "state.closing" : "state.connecting"));
  pill("uplink", t(state.uplink.open ? "ui.sends" : "ui.stays"), state.uplink.open ? "sends" : "");
  pill("sent", t("ui.sent", { size: size(state.uplink.bytes) }));
  pill("devices", others.filter((one) => /microphone|loudspeaker/.test(one)).map((one) => t("state." + one)).join(", "), "on");
  pill("muted", others.includes("muted") ? t("state.muted") : "", "rests");
  if (document.activeElement !== $("volume")) $("volume").value = Math.round(state.volume * 100);
  set("percent", percent(state.volume));
  drawDetails();
  drawTimers();
  drawLeft();
}

function drawDetails() {
  const where = state.connection, sound = state.sound || {}, notes = sound.notes || [];
  const device = (one) => {
    const more = [one.state === "ok" ? "" : t("device." + one.state), inWords(one.reason)].filter(Boolean).join(": ");
    return one.device + (more && " (" + more + ")");
  };
  set("microphone", device(state.microphone));
  set("speaker", device(state.speaker));
  set("sound", [t("listen." + sound.listen), t("ui.engine") + " " + sound.engine, t("ui.echo") + " " + t("echo." + sound.echo)].join(", "));
  set("notes", notes.map((each) => inWords(each)).join("\n"));
  pill("asked", notes.length ? t("ui.not_as_configured") : "", "on");
  set("service", [where.profile, where.session_id, where.reconnects ? count(where.reconnects, "ui.reconnect") : ""].filter(Boolean).join(", "));
  set("usage", used(state.usage || {}));
  set("daemon", [state.version ? t("ui.version") + " " + state.version : "", state.uptime_s ? t("ui.up", { span: clock(state.uptime_s) }) : ""].filter(Boolean).join(", "));
  $("silent").hidden = state.transcripts !== false;
  drawPersona();
  drawWords();
}

function drawPersona() {
  const { names = [], name = "", wanted = "" } = state.persona || {}, list = $("persona"), all = ["", ...names];
  $("personabox").hidden = !names.length;
  if ([...list.options].map((one) => one.value).join("\n") !== all.join("\n"))
    list.replaceChildren(...all.map((each) => make("option", { value: each, textContent: each || t("ui.nobody_special") })));
  if (document.activeElement !== list) list.value = wanted || name;
}

function drawWords() {
  const found = state.wake_words || [];
  $("wordsname").hidden = $("wakewords").hidden = !found.length;
  set("wakewords", found.map((one) => t("ui.wake_word", { word: one.word, heard: number(one.heard), missed: number(one.near_misses) })).join("; ") || "–");
}

function used(usage) {
  const parts = [];
  if (usage.responses !== undefined) parts.push(count(usage.responses, "ui.answer"));
  if (usage.total_tokens !== undefined) parts.push(count(usage.total_tokens, "ui.token_unit"));
  return parts.join(", ") || t("ui.nothing_yet");
}

// Nothing is known while nobody reports it.
function blank() {
  for (const id of ["uplink", "sent", "connection", "devices", "muted", "asked"]) pill(id, "");
  for (const id of ["microphone", "speaker", "sound", "service", "usage", "daemon", "wakewords", "today", "cost"]) set(id, "–");
  for (const id of ["notes", "percent", "since", "limit"]) set(id, "");
  $("hours").replaceChildren();
  drawTimers();
  $("silent").hidden = true;
  drawState([gone ? ["gone", why] : ["unknown"]]);
}

function level(dbfs) {
  const shown = Math.max(-90, Math.min(0, dbfs));
  $("meter").setAttribute("aria-valuenow", Math.round(shown));
  $("meter").firstElementChild.style.width = (shown + 90) / 90 * 100 + "%";
}

// ---------------------------------------------------------------- pictures

function svgNode(name, attributes, words) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  if (words !== undefined) node.textContent = words;
  return node;
}

const STAGES = ["endpoint", "first_audio", "first_sound"];
const waited = (turn) => turn.first_sound_ms ?? turn.first_audio_ms ?? turn.endpoint_ms ?? 0;

// A bar for each turn, from the end of speech to the first sound, in its three parts.
function chart() {
  const svg = $("chart"), wide = svg.clientWidth || 400, high = 150, left = 34, waits = turns.map(waited);
  $("legend").hidden = !turns.length;
  svg.setAttribute("viewBox", `0 0 ${wide} ${high + 20}`);
  svg.replaceChildren();
  if (!turns.length) return set("chartwords", t("ui.no_turn"));
  const step = [250, 500, 1000, 2000, 5000, 10000, 30000].find((one) => one * 4 >= Math.max(...waits)) || 60000;
  const most = Math.max(...waits, step * 2), y = (ms) => high - ms / most * (high - 10), room = (wide - left) / TURNS;
  for (let ms = 0; ms <= most; ms += step) {
    svg.append(svgNode("line", { x1: left, x2: wide, y1: y(ms), y2: y(ms) }));
    svg.append(svgNode("text", { x: left - 4, y: y(ms) + 4, "text-anchor": "end" }, (ms / 1000).toLocaleString(LANGUAGE) + " s"));
  }
  turns.forEach((turn, index) => {
    const x = left + index * room + room * .15, width = room * .7, group = svgNode("g", {});
    group.append(svgNode("title", {}, seconds(waits[index]) + ", " + t("turn." + turn.status)));
    let from = 0;
    for (const stage of STAGES) {
      const to = Math.max(from, turn[stage + "_ms"] ?? from);
      if (to > from) group.append(svgNode("rect", { class: stage, x, width, y: y(to), height: Math.max(1, y(from) - y(to)) }));
      from = to;
    }
    if (turn.status !== "completed") group.append(svgNode("rect", { class: "cut", x, width, y: y(from), height: Math.max(2, high - y(from)) }));
    svg.append(group);
  });
  const sorted = [...waits].sort((a, b) => a - b);
  set("chartwords", t("ui.turns", { last: seconds(waits.at(-1)), middle: seconds(sorted[Math.floor(sorted.length / 2)]), longest: seconds(sorted.at(-1)), count: number(turns.length) }));
}

// How much sound left this machine today, hour by hour, and what the day cost.
function drawLeft() {
  const { today, hours } = state.uplink, usage = state.usage || {};
  set("cost", number(usage.cost_today || 0, 3));
  set("limit", usage.daily_limit != null ? t("ui.cost_of", { limit: number(usage.daily_limit, 2) }) : t("ui.cost_today"));
  if (!hours?.length) return;
  const filled = hours.map((bytes, hour) => bytes ? hour : -1).filter((hour) => hour >= 0);
  set("today", size(today));
  set("since", filled.length ? t("ui.left_at", { first: filled[0], last: filled.at(-1) + 1 }) : t("ui.left_none"));
  const svg = $("hours"), wide = svg.clientWidth || 400, high = 55, most = Math.max(1, ...hours), room = wide / 24;
  svg.setAttribute("viewBox", `0 0 ${wide} ${high + 18}`);
  svg.replaceChildren(svgNode("line", { x1: 0, x2: wide, y1: high, y2: high }));
  hours.forEach((bytes, hour) => {
    const height = bytes ? Math.max(2, bytes / most * high) : 0, bar = svgNode("rect", { x: hour * room + 1, width: Math.max(1, room - 2), y: high - height, height });
    bar.append(svgNode("title", {}, `${hour}–${hour + 1}: ${size(bytes)}`));
    svg.append(bar);
    if (hour % 6 === 0) svg.append(svgNode("text", { x: hour * room, y: high + 15 }, String(hour)));
  });
  svg.append(svgNode("text", { x: wide, y: high + 15, "text-anchor": "end" }, "24"));
}

// ---------------------------------------------------------------- timers

function timerRow(id) {
  const button = make("button", { type: "button", textContent: t("ui.cancel") }), row = make("li", {}, make("span", { dir: "auto" }), button);
  row.dataset.id = id;
  button.onclick = () => send("DELETE", "timers/" + encodeURIComponent(id));
  return row;
}

function clock(length) {
  const days = Math.floor(length / 86400);
  return (days > 0 ? count(days, "ui.day") + " " : "") + new Date(Math.max(0, length) * 1000).toISOString().slice(11, 19);
}

function timerName(one) {
  return t("timer." + one.kind) + " " + (one.name || one.text || one.at?.slice(11) || t("ui.timer_of", { span: clock(one.length_s) }));
}

function timerWords(one, name) {
  const passed = one.state === "running" && (performance.now() - timersAt) / 1000;
  const what = one.state === "ringing" ? t("ui.rings") : t("ui.time_left", { span: clock(one.left_s - passed) });
  return name + ": " + what + (one.state === "paused" ? ", " + t("ui.paused") : "")
    + (one.days.length ? ", " + t("ui.every") + " " + one.days.map((day) => t("day." + day)).join(" ") : "");
}

// Rows stay: a button in use keeps the focus.
function drawTimers() {
  const timers = live && state.timers || [], list = $("timers"), rows = [...list.children];
  $("timersbox").hidden = !timers.length;
  const ringing = timers.filter((one) => one.state === "ringing");
  $("ringing").hidden = !ringing.length;
  set("rings", t("ui.rings_now", { names: ringing.map(timerName).join(", ") }));
  const wanted = timers.map((one) => rows.find((row) => row.dataset.id === one.id) || timerRow(one.id));
  if (wanted.length !== rows.length || wanted.some((row, index) => row !== rows[index])) list.replaceChildren(...wanted);
  timers.forEach((one, index) => {
    const [text, button] = wanted[index].children, name = timerName(one);
    setText(text, timerWords(one, name));
    button.setAttribute("aria-label", t("ui.cancel") + " " + name);
  });
}
function setText(node, words) { if (node.textContent !== words) node.textContent = words; }

// ---------------------------------------------------------------- the conversation

const SPEAKERS = { you: "ui.you", voice: "ui.voice", said: "ui.you_said", asks: "ui.you_ask", answer: "ui.answer_given", no_answer: "ui.no_answer", plays: "ui.you_play" };

function line(one) {
  const at = talked.findIndex((other) => other.id && other.id === one.id);
  if (at >= 0) talked[at] = { ...talked[at], ...one };
  else talked = [...talked, one].slice(-LINES);
  drawTalk();
  remember();
}

function drawTalk() {
  const log = $("log"), old = new Map([...log.children].map((row) => [row.dataset.item, row]));
  const rows = talked.map((one) => {
    const row = old.get(one.id) || make("li", {}, make("b"), make("span", { dir: "auto" }));
    row.dataset.item = one.id;
    row.className = one.role + (one.partial ? " partial" : "");
    setText(row.firstChild, t(SPEAKERS[one.speaker]));
    setText(row.children[1], one.text);
    if (!one.cut) row.children[2]?.remove();
    else if (row.children.length === 2) row.append(make("mark", { textContent: t("ui.cut_here") }));
    return row;
  });
  if (rows.some((row, index) => row !== log.children[index]) || rows.length !== log.children.length) log.replaceChildren(...rows);
  $("scroll").scrollTop = $("scroll").scrollHeight;
  $("clear").hidden = !talked.length;
  set("captions", talked.at(-1)?.text || "");
}

// Only in this tab, and only until it is closed.
function remember() { keep(session, TALKED, JSON.stringify({ talked, turns, lastId, transcripts: state.transcripts })); }

function restore() {
  try {
    const kept = JSON.parse(recall(session, TALKED) || "{}");
    talked = kept.talked || [];
    turns = kept.turns || [];
    lastId = kept.lastId || "";
    state.transcripts = kept.transcripts;
  } catch { /* written by another version */ }
  drawTalk();
}
