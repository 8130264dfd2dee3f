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
  $("alert").textContent = inWords(words);
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
  const listen = now.sound?.engine === "never" ? "push_to_talk" : now.sound?.listen;
  return found.length ? found : [["idle", "", listen === "wake_word" || listen === "push_to_talk" ? listen : "open"]];
}

// The sentences of the daemon in the language of the page; any other stays as it is.
const MOST_NESTED = 3;
const REASONS = WORDS.reasons.map(([english, ours]) => {
  const pattern = english.replace(/[^\w\s{}]/g, "\\$&").replace(/{(\w+)}/g, "(?<$1>.+?)");
  return [new RegExp("^" + pattern + "$"), ours];
});
function inWords(reason, nested = 0) {
  for (const [pattern, ours] of nested > MOST_NESTED ? [] : REASONS) {
    const found = pattern.exec(reason);
    if (found) return ours.replace(/{(\w+)}/g, (_, name) => inWords(found.groups[name], nested + 1));
  }
  return reason;
}

// A reason that several have is given once.
function sentence([name, reason, variant], place, found) {
  const words = t("sentence." + name + (variant ? "." + variant : ""));
  return reason && found.findIndex((one) => one[1] === reason) === place ? words.replace(/\.?$/, ": " + inWords(reason).replace(/([^.?])\.?$/, "$1.")) : words;
}
const colourOf = (name) => COLOURS[name] || "bad";
