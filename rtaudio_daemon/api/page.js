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
  line({ role: "user", speaker: outcome === "answered" ? "answer" : "no_answer", id: "answer" + mine, text: text || inWords(reason) });
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
