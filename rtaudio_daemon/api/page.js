"use strict";
const $ = (id) => document.getElementById(id);
const WORDS = JSON.parse($("words").textContent), LANGUAGE = document.documentElement.lang;
// Behind a reverse proxy the page has a path of its own, with or without a slash at the end.
const BASE = location.pathname.replace(/\/*$/, "/"), PLACE = BASE === "/" ? "" : BASE;
const KEEP = "rtaudio-token" + PLACE, TALKED = "rtaudio-talked" + PLACE, TONGUE = "rtaudio-language", LARGE = "rtaudio-captions";
const TURNS = 20, LINES = 100, SILENCE_MS = 40000, PATIENCE_MS = 5000, ASK_MS = 300000, SOUND_MS = 430000, TEACH_MS = 60000;
const TYPES = "status,speech,transcript,interruption,turn,connection,device,sound,mute,volume,uplink,usage,error,timer,level,tool,persona,wake";
let state = {}, timersAt = 0, live = false, lastId = "", token = "", turns = [], talked = [], sent = 0, gone = false, why = "";

// ---------------------------------------------------------------- words and memory

const t = (key, values = {}) => (WORDS[key] ?? key).replace(/{(\w+)}/g, (_, name) => values[name] ?? "");
const number = (value, digits = 0) => value.toLocaleString(LANGUAGE, { minimumFractionDigits: digits, maximumFractionDigits: digits });
const seconds = (ms) => number(ms / 1000, 1) + " s";
const size = (bytes) => bytes < 1e6 ? number(bytes / 1e3) + " kB" : number(bytes / 1e6, 1) + " MB";
const percent = (level) => number(level * 100) + " %";
const count = (value, key) => number(value) + " " + t(value === 1 ? key : key + "s");

// A browser without storage forgets, and nothing else.
function recall(store, key) { try { return store().getItem(key) || ""; } catch { return ""; } }
function keep(store, key, value) { try { store().setItem(key, value); } catch { /* asked again next time */ } }
const local = () => localStorage, session = () => sessionStorage;

let alertTimer = 0;
function report(words) {
  $("alert").textContent = words;
  clearTimeout(alertTimer);
  alertTimer = setTimeout(() => { $("alert").textContent = ""; }, 8000);
}
function set(id, words) { if ($(id).textContent !== words) $(id).textContent = words; }
function pill(id, words, kind) { set(id, words); $(id).className = "pill" + (kind ? " " + kind : ""); $(id).hidden = !words; }
function make(tag, attributes = {}, ...inside) {
  const node = document.createElement(tag);
  for (const key in attributes) node[key] = attributes[key];
  node.append(...inside);
  return node;
}

// ---------------------------------------------------------------- states: the rules of status_words.py

const COLOURS = { idle: "calm", listening: "listening", thinking: "thinking", speaking: "speaking", asleep: "rest", renewing: "calm",
  connecting: "thinking", closing: "thinking", muted: "rest", gone: "none", unknown: "none" };

function ofConnection(where, usage) {
  if (where.asleep) return [];
  if (where.state === "closing") return [["closing"]];
  if (where.state !== "closed" && where.state !== "connecting") return [];
  if (usage.daily_limit != null && usage.cost_today >= usage.daily_limit) return [["over_budget", where.last_error]];
  return [where.last_error ? ["no_connection", where.last_error] : ["connecting"]];
}

function ofDevice(name, device) {
  if (device.state === "lost" || device.state === "deaf") return [[name + "_" + device.state, device.reason]];
  const wanted = name === "microphone" || device.device !== "none";
  return device.state === "none" && wanted ? [["no_" + name, device.reason]] : [];
}

// What holds, the most important first: [state, reason, variant of its sentence].
function conditions(now) {
  if (!now.status) return [["unknown"]];
  const found = [...ofConnection(now.connection, now.usage || {}), ...ofDevice("microphone", now.microphone), ...ofDevice("loudspeaker", now.speaker)];
  if (now.muted) found.push(["muted"]);
  if (now.connection.asleep) found.push(["asleep"]);
  if (now.connection.state === "renewing") found.push(["renewing"]);
  if (now.status !== "idle") return [[now.status], ...found];
  const listen = now.sound?.listen;
  return found.length ? found : [["idle", "", listen === "wake_word" || listen === "push_to_talk" ? listen : "open"]];
}

function sentence([name, reason, variant]) {
  const words = t("sentence." + name + (variant ? "." + variant : ""));
  return reason ? words.replace(/\.?$/, ": " + reason.replace(/\.?$/, ".")) : words;
}
const colourOf = (name) => COLOURS[name] || "bad";

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
  const names = found.map((one) => one[0]);
  if (where.asleep) pill("connection", t("state.asleep"), "rests");
  else if (names.includes("no_connection") || names.includes("over_budget")) pill("connection", t("ui.not_connected"), "on");
  else if (where.state === "open" || where.state === "renewing") pill("connection", t("ui.connected"), "good");
  else pill("connection", t(where.state === "closing" ? "state.closing" : "state.connecting"));
  pill("uplink", t(state.uplink.open ? "ui.sends" : "ui.stays"), state.uplink.open ? "sends" : "");
  pill("sent", t("ui.sent", { size: size(state.uplink.bytes) }));
  pill("devices", names.filter((one) => /microphone|loudspeaker/.test(one)).map((one) => t("state." + one)).join(", "), "on");
  pill("muted", state.muted ? t("state.muted") : "", "rests");
  if (document.activeElement !== $("volume")) $("volume").value = Math.round(state.volume * 100);
  set("percent", percent(state.volume));
  drawDetails();
  drawTimers();
  drawLeft();
}

function drawDetails() {
  const where = state.connection, sound = state.sound || {}, notes = sound.notes || [];
  const device = (one) => {
    const more = [one.state === "ok" ? "" : t("device." + one.state), one.reason].filter(Boolean).join(": ");
    return one.device + (more && " (" + more + ")");
  };
  set("microphone", device(state.microphone));
  set("speaker", device(state.speaker));
  set("sound", [t("listen." + sound.listen), t("ui.engine") + " " + sound.engine, t("ui.echo") + " " + t("echo." + sound.echo)].join(", "));
  set("notes", notes.join("\n"));
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
    if (one.cut && row.children.length === 2) row.append(make("mark", { textContent: t("ui.cut_here") }));
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
    const words = one.tool + ": " + t("phase." + one.phase) + took + (one.as_asked === "unknown" ? "" : ", " + t("as_asked." + one.as_asked)) + (reason && ": " + reason);
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
    button.onclick = async () => { if (await send("DELETE", "wake/" + encodeURIComponent(one.name))) taught(); };
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
  const next = step === "record" && !found.done && found.how ? t("ui.next", { how: found.how }) : "";
  const score = found.score === null ? "" : t("ui.score", { score: number(found.score, 2) });
  set("teaching", [t(found.accepted ? "ui.accepted" : "ui.not_accepted"), found.reason, score, next, ...found.warnings].filter(Boolean).join(" "));
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

function settingField(one) {
  const id = "set-" + one.name, label = make("label", { htmlFor: id, textContent: t("setting." + one.name) });
  const input = one.choices ? make("select", { id }, ...one.choices.map((each) => make("option", { value: each, textContent: t("choice." + each) === "choice." + each ? each : t("choice." + each) })))
    : make("input", { id, type: "range", min: 0, max: 1, step: .05 });
  input.value = one.value;
  const shown = make("output", { htmlFor: id, textContent: one.choices ? "" : percent(one.value) });
  input.oninput = () => { if (!one.choices) shown.textContent = percent(Number(input.value)); };
  input.onchange = async () => {
    const answer = await request("POST", "settings", { [one.name]: one.choices ? input.value : Number(input.value) }, 30000);
    answer ? drawSettings(await answer.json()) : settings();
    $(id)?.focus();
  };
  const words = one.changed ? t("ui.changed", { value: one.choices ? one.configured : percent(one.configured) }) : "";
  return make("p", { className: "field" }, label, shown, input, make("span", { className: "note", dir: "auto", textContent: words }));
}

// ---------------------------------------------------------------- events

const handlers = {
  timer: () => { refresh(); },
  snapshot: (data) => { state = data; timersAt = performance.now(); live = true; level(data.microphone.level_dbfs); actions(); notes(); tools(); settings(); taught(); },
  status: (data) => Object.assign(state, data),
  mute: (data) => { state.muted = data.muted; },
  sound: (data) => { state.sound = data; },
  volume: (data) => { state.volume = data.level; },
  uplink: (data) => { state.uplink = { ...state.uplink, open: data.open, bytes: data.bytes }; if (!data.open) refresh(); },
  device: (data) => { state[data.direction] = { ...state[data.direction], ...data }; },
  connection: (data) => { state.connection = { ...state.connection, ...data, last_error: data.reason }; },
  transcript: (data) => {
    state.transcripts = true;
    line({ role: data.role, speaker: data.role === "user" ? "you" : "voice", id: data.role + data.item_id, text: data.text, cut: data.cut, partial: data.final === false });
  },
  persona: (data) => { state.persona = { ...state.persona, name: data.name, wanted: data.wanted }; if (data.reason) report(data.reason); },
  wake: () => { refresh(); },
  level: (data) => level(data.level_dbfs),
  error: (data) => report(data.message),
  tool: (data) => { actions(); if (data.source === "notes") notes(); },
  usage: (data) => {
    const total = state.usage = { ...state.usage };
    total.responses = (total.responses || 0) + 1;
    total.total_tokens = (total.total_tokens || 0) + (data.usage.total_tokens || 0);
    refresh();
  },
  turn: (data) => { turns = [...turns, data].slice(-TURNS); chart(); remember(); },
};

// Only what no event reports whole: the rest of the answer may be older than the events meanwhile.
async function refresh() {
  const found = await fetched("status");
  if (!found || !state.status) return;
  const { usage, timers, wake_words } = found, { today, hours } = found.uplink;
  Object.assign(state, { usage, timers, wake_words, uplink: { ...state.uplink, today, hours } });
  timersAt = performance.now();
  draw();
}

function hear(block) {
  let name = "message", data = "";
  for (const row of block.split("\n")) {
    const [, field, value] = /^([^:]*): ?(.*)$/.exec(row) || [];
    if (field === "event") name = value;
    else if (field === "data") data = value;
    else if (field === "id") lastId = value;
  }
  if (!data) return;
  if (name !== "snapshot" && !state.status) return;
  if (name === "shutdown") { live = false; return draw(); }
  handlers[name]?.(JSON.parse(data));
  if (name !== "level") draw();
}

const headers = (more) => (token ? { Authorization: "Bearer " + token, ...more } : { ...more });
let stop = new AbortController();

// What was missed since the page was left is replayed onto the status that is true now.
async function again() {
  const found = lastId && !state.status && await fetched("status");
  if (!found) return;
  Object.assign(state, found);
  timersAt = performance.now();
  actions(); notes(); tools(); settings(); taught();
}

// Why the stream ended: locked, hidden, or a sentence.
async function listen() {
  stop = new AbortController();
  let watch = 0;
  const alive = (ms = SILENCE_MS) => { clearTimeout(watch); watch = setTimeout(() => stop.abort(), ms); };
  try {
    await again();
    alive(2 * PATIENCE_MS);
    const more = lastId && state.status ? { "Last-Event-ID": lastId } : {};
    const answer = await fetch(BASE + "api/events?types=" + TYPES, { headers: headers(more), signal: stop.signal, cache: "no-store" });
    if (answer.status === 401) return "locked";
    if (!answer.ok) return await refusal(answer);
    gone = false;
    if (more["Last-Event-ID"]) { live = true; draw(); refresh(); }
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = ""; ;) {
      const { value, done } = await reader.read();
      if (done) return "";
      alive();
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      blocks.forEach(hear);
    }
  } catch {
    return stop.signal.aborted ? document.hidden ? "hidden" : t("ui.slow") : "";
  } finally {
    clearTimeout(watch);
    live = false;
  }
}

async function refusal(answer) {
  try { return (await answer.json()).error.message; } catch { return t("ui.stranger", { status: answer.status }); }
}

// A hidden page leaves its connection to others: a browser allows six.
const shown = () => new Promise((go) => {
  const look = () => { if (!document.hidden) { document.removeEventListener("visibilitychange", look); go(); } };
  document.addEventListener("visibilitychange", look);
  look();
});

function askToken() {
  return new Promise((given) => {
    $("token").value = "";
    $("ask").addEventListener("close", () => given($("token").value.trim()), { once: true });
    $("ask").addEventListener("cancel", (event) => event.preventDefault());
    if (!$("ask").open) $("ask").showModal();
  });
}

async function follow() {
  for (let pause = 500; ;) {
    await shown();
    const began = Date.now(), ended = await listen();
    if (ended === "locked") {
      draw();
      token = await askToken();
      keep(local, KEEP, token);
      continue;
    }
    gone = ended !== "hidden";
    why = ended;
    draw();
    if (ended === "hidden") continue;
    if (Date.now() - began > 5000) pause = 500;
    await new Promise((go) => setTimeout(go, pause));
    pause = Math.min(pause * 2, 10000);
  }
}

// ---------------------------------------------------------------- what people do

const post = (path, body = {}) => send("POST", path, body);
const send = async (method, path, body) => !!await request(method, path, body);
async function request(method, path, body = {}, patience_ms = PATIENCE_MS) {
  try {
    const answer = await fetch(BASE + "api/" + path, {
      method, headers: headers({ "Content-Type": "application/json" }), body: JSON.stringify(body),
      signal: AbortSignal.timeout(patience_ms),
    });
    // Events report the effect; the answer may be older than they are.
    if (answer.ok) return answer;
    report(await refusal(answer));
  } catch (error) { report(error.name === "TimeoutError" ? t("ui.slow") : t("sentence.gone")); }
  return null;
}

async function ask(question) {
  const mine = ++sent + "-" + Date.now();
  line({ role: "user", speaker: "asks", id: "typed" + mine, text: question });
  const answer = await request("POST", "ask", { question }, ASK_MS);
  if (!answer) return;
  const { outcome, text, reason } = await answer.json();
  line({ role: "user", speaker: outcome === "answered" ? "answer" : "no_answer", id: "answer" + mine, text: text || reason });
}

function bodyOf(mode, text) {
  if (mode === "play") return ["play", { [text.includes("://") ? "url" : "file"]: text }, SOUND_MS];
  return ["say", { text, mode }];
}

async function submit(event) {
  event.preventDefault();
  const text = $("text").value, mode = $("mode").value;
  if (mode === "ask") {
    $("text").value = "";
    return ask(text);
  }
  if (!await request("POST", ...bodyOf(mode, text))) return;
  line({ role: "user", speaker: { prompt: "you", verbatim: "said", play: "plays" }[mode], id: "typed" + ++sent + "-" + Date.now(), text });
  if ($("text").value === text) $("text").value = "";
}

async function testSound() {
  $("test").disabled = true;
  set("tested", t("ui.testing"));
  const answer = await request("POST", "test_sound", {}, SOUND_MS), said = answer && (await answer.json()).said;
  set("tested", !answer ? "" : said.outcome !== "said" ? t("ui.test_failed") : t("ui.test_" + said.audible));
  $("test").disabled = false;
}

// How the echo dies away, in dB below its strongest point.
function drawCurve(levels) {
  const svg = $("curve"), step = 5, lead = 4, left = 46, high = 140, floor = 60;
  svg.replaceChildren();
  if (!levels.length) return;
  const wide = svg.clientWidth || 400, x = (index) => left + index / (levels.length - 1) * (wide - left), y = (db) => 8 - db / floor * (high - 8);
  svg.setAttribute("viewBox", `0 0 ${wide} ${high + 20}`);
  for (let db = 0; db >= -floor; db -= 20) {
    svg.append(svgNode("line", { x1: left, x2: wide, y1: y(db), y2: y(db) }), svgNode("text", { x: left - 4, y: y(db) + 4, "text-anchor": "end" }, number(db) + " dB"));
  }
  for (let ms = 0; ms <= 200; ms += 100) svg.append(svgNode("text", { x: x(lead + ms / step), y: high + 16, "text-anchor": "middle" }, number(ms) + " ms"));
  svg.append(svgNode("path", { d: levels.map((db, index) => (index ? "L" : "M") + x(index).toFixed(1) + " " + y(db).toFixed(1)).join(" ") }));
}

async function measureEcho() {
  $("measure").disabled = true;
  set("tested", t("ui.measuring"));
  drawCurve([]);
  const answer = await request("POST", "measure_echo", {}, 20000), found = answer && await answer.json();
  $("measure").disabled = false;
  if (!found) return set("tested", "");
  const noise = number(found.noise_dbfs);
  set("tested", [found.delay_ms === null ? t("ui.echo_none", { noise }) : t("ui.echo_found", { noise, delay: number(found.delay_ms), echo: number(found.echo_db, 1) }), ...found.advice].join(" "));
  drawCurve(found.curve);
}

let held = false, order = Promise.resolve();
function hold(on) {
  if (on === held) return;
  held = on;
  const shows = (pressed) => { $("talk").setAttribute("aria-pressed", pressed); set("talk", t(pressed ? "ui.talking" : "ui.talk")); };
  shows(on);
  order = order.then(() => post(on ? "listen/start" : "listen/stop")).then((done) => {
    if (on && !done && held) { held = false; shows(false); }
  });
}

function captions(on) {
  $("captions").hidden = !on;
  $("large").setAttribute("aria-pressed", on);
}

function listenToPeople() {
  const on = (id, name, act) => $(id).addEventListener(name, act), isPress = (event) => event.key === " " || event.key === "Enter";
  on("mute", "click", () => post(live && state.muted ? "unmute" : "mute"));
  on("interrupt", "click", () => post("interrupt"));
  on("dismiss", "click", () => post("timers/dismiss"));
  on("snooze", "click", () => post("timers/snooze"));
  on("forget", "click", async () => { if (await send("DELETE", "actions")) actions(); });
  on("clear", "click", () => { talked = []; drawTalk(); remember(); $("scroll").focus(); });
  on("large", "click", () => { captions($("captions").hidden); keep(local, LARGE, $("captions").hidden ? "" : "yes"); });
  on("test", "click", testSound);
  on("measure", "click", measureEcho);
  on("persona", "change", () => post("persona", { name: $("persona").value }));
  on("reset", "click", async () => { const answer = await request("DELETE", "settings", {}, 30000); if (answer) drawSettings(await answer.json()); });
  on("teach", "submit", (event) => { event.preventDefault(); teach("record"); });
  on("try", "click", () => teach("test"));
  on("stopteaching", "click", () => teach("cancel"));
  on("settings", "submit", (event) => event.preventDefault());
  on("volume", "change", () => post("volume", { level: $("volume").value / 100 }));
  on("volume", "input", () => set("percent", percent($("volume").value / 100)));
  on("say", "submit", submit);
  on("talk", "pointerdown", (event) => { $("talk").setPointerCapture(event.pointerId); hold(true); });
  for (const name of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) on("talk", name, () => hold(false));
  on("talk", "keydown", (event) => { if (isPress(event)) { event.preventDefault(); if (!event.repeat) hold(true); } });
  on("talk", "keyup", (event) => { if (isPress(event)) hold(false); });
  on("talk", "contextmenu", (event) => event.preventDefault());
  addEventListener("pagehide", () => { hold(false); remember(); });
  addEventListener("resize", () => { chart(); if (live) drawLeft(); });
  document.addEventListener("visibilitychange", () => { if (document.hidden) { hold(false); stop.abort(); } });
  for (const link of document.querySelectorAll("nav a")) link.addEventListener("click", () => keep(local, TONGUE, link.lang));
}

function begin() {
  const wished = recall(local, TONGUE), others = [...document.querySelectorAll("nav a")].map((link) => link.lang);
  if (wished !== LANGUAGE && others.includes(wished) && !location.search) return location.replace("?lang=" + wished);
  token = recall(local, KEEP);
  $("app").hidden = false;
  captions(recall(local, LARGE) === "yes");
  listenToPeople();
  restore();
  chart();
  draw();
  setInterval(drawTimers, 1000);
  follow();
}
begin();
