"use strict";
const STREAMS = ["overlay", "camera", "mask", "confidence", "depth"];
const LEVELS = ["ok", "warn", "bad", "bad"];
const POINTS = 120;
const byId = (id) => document.getElementById(id);
const looked = new Set(JSON.parse(localStorage.getItem("streams") || '["overlay"]').filter((name) => STREAMS.includes(name)));
const images = {};
const series = { latencies: [], rates: [] };
let socket = null, enabled = true, settingsKey = "", framesShown = 0;

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// Streams: those that are switched on are sent, at the pace at which this page shows them.
function layOut() {
  byId("streams").replaceChildren(...STREAMS.map((name) => {
    const button = make("button", { textContent: name, onclick: () => toggle(name) });
    button.setAttribute("aria-pressed", looked.has(name));
    return button;
  }));
  byId("pictures").replaceChildren(...STREAMS.filter((name) => looked.has(name)).map((name) => {
    images[name] = images[name] || make("img", { alt: name, id: "picture-" + name });
    return make("figure", {}, images[name], make("figcaption", { textContent: name }));
  }));
  ask();
}
function toggle(name) {
  if (!looked.delete(name)) looked.add(name);
  localStorage.setItem("streams", JSON.stringify([...looked]));
  layOut();
}
function ask() {
  // A page in the background looks at nothing.
  if (socket && socket.readyState === 1) socket.send(JSON.stringify(document.hidden ? [] : [...looked]));
}
document.addEventListener("visibilitychange", ask);

function show(data) {
  const image = images[STREAMS[new Uint8Array(data, 0, 1)[0]]];
  const done = () => { if (socket && socket.readyState === 1) socket.send("shown"); };
  if (!image) return done();
  const address = URL.createObjectURL(new Blob([new Uint8Array(data, 1)], { type: "image/jpeg" }));
  image.onload = image.onerror = () => { URL.revokeObjectURL(address); done(); };
  image.src = address;
}

function connect() {
  socket = new WebSocket((location.protocol === "https:" ? "wss://" : "ws://") + location.host + "/live");
  socket.binaryType = "arraybuffer";
  socket.onopen = () => { ask(); fill(); };
  socket.onmessage = (event) => (typeof event.data === "string" ? tell(JSON.parse(event.data)) : show(event.data));
  socket.onclose = () => { health(2, "not connected to the robot; reconnecting …"); setTimeout(connect, 1000); };
}

function health(level, text) {
  byId("health").className = LEVELS[level];
  byId("health").textContent = text;
}
const percent = (share) => (100 * share).toFixed(1) + " %";
const metres = (value) => (value === null ? "–" : value.toFixed(2) + " m");
function swatch(color) {
  const element = make("span", { className: "swatch" });
  element.style.background = color ? `rgb(${color.join(",")})` : "#555";
  return element;
}
function row(...cells) { return make("tr", {}, ...cells.map((cell) => make("td", {}, ...[].concat(cell)))); }

function tell(state) {
  health(state.level, state.summary);
  enabled = state.enabled;
  byId("pause").textContent = enabled ? "Pause" : "Resume";
  byId("model").textContent = state.model;
  const colors = Object.fromEntries(state.classes.map((entry) => [entry.name, entry.color]));
  byId("classes").tBodies[0].replaceChildren(...state.classes.map((entry) =>
    row([swatch(entry.color), entry.name], entry.share === null ? "–" : percent(entry.share), metres(entry.nearest))));
  byId("count").textContent = state.objects.length ? state.object_count : "";
  byId("objects").tBodies[0].replaceChildren(...state.objects.map((entry) =>
    row([swatch(colors[entry.name]), entry.title], metres(entry.distance), entry.confidence === null ? "–" : percent(entry.confidence))));
  byId("diagnostics").replaceChildren(...state.diagnostics.map((entry) =>
    make("li", { className: LEVELS[entry.level], textContent: entry.name + ": " + entry.text })));
  chart("latencies", "latency", state.latency, (value) => Math.round(1000 * value) + " ms");
  chart("rates", "rate", state.rate, (value) => value.toFixed(1) + " Hz");
  if (state.settings_key !== settingsKey) { settingsKey = state.settings_key; fillSettings(); }
  if (state.model && state.model !== fillModels.model) { fillModels.model = state.model; fillModels(); }
}

function chart(canvasId, labelId, value, words) {
  const points = series[canvasId];
  points.push(value);
  if (points.length > POINTS) points.shift();
  byId(labelId).textContent = value === null ? "–" : words(value);
  const canvas = byId(canvasId), pen = canvas.getContext("2d");
  const top = 1.15 * Math.max(1e-6, ...points.filter((point) => point !== null));
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.strokeStyle = "#5aa9ff"; pen.lineWidth = 1.5; pen.beginPath();
  let down = false;
  points.forEach((point, index) => {
    if (point === null) { down = false; return; }
    const x = (index + POINTS - points.length) * canvas.width / (POINTS - 1), y = canvas.height * (1 - point / top);
    if (down) pen.lineTo(x, y); else pen.moveTo(x, y);
    down = true;
  });
  pen.stroke();
}

// Wishes
let quiet = 0;
function say(text, refused) {
  clearTimeout(quiet);
  const element = byId("said");
  element.textContent = text; element.hidden = !text; element.className = refused ? "refused" : "";
  quiet = setTimeout(() => { element.hidden = true; }, refused ? 15000 : 6000);
}
async function wish(name, values) {
  try {
    const response = await fetch("/api/" + name, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(values) });
    const answer = await response.json();
    say(answer.said, !answer.done);
    return answer.done;
  } catch (error) { say("no response from the robot: " + error.message, true); return false; }
}
const read = async (path) => (await fetch(path)).json();
byId("pause").onclick = () => wish("enable", { enabled: !enabled });
byId("save").onclick = async () => { if (await wish("save", {})) fillFrames(); };
byId("load").onclick = async () => {
  byId("load").disabled = true; say("loading " + byId("models").value + " …");
  await wish("model", { name: byId("models").value });
  byId("load").disabled = false;
};

function fill() { fillModels(); fillSettings(); fillFrames(); }
async function fillModels() {
  const names = await read("/api/models"), current = byId("model").textContent.split(" ")[0];
  byId("models").replaceChildren(...names.map((name) => make("option", { value: name, textContent: name, selected: name === current })));
}
async function fillSettings() {
  const settings = await read("/api/settings");
  if (byId("settings").contains(document.activeElement) && document.activeElement.type !== "range") return;
  byId("settings").replaceChildren(...settings.map((entry) => {
    let input;
    const set = (value) => wish("set", { name: entry.name, value }).then((done) => { if (!done) fillSettings(); });
    const slides = entry.type === "double" && entry.high - entry.low <= 10 || entry.type === "int" && entry.high - entry.low <= 100;
    const shown = make("b", { textContent: slides ? entry.value : "" });
    if (entry.type === "bool") input = make("input", { type: "checkbox", checked: entry.value, onchange: () => set(input.checked) });
    else if (entry.type === "str") input = make("input", { type: "text", value: entry.value, onchange: () => set(input.value) });
    else {
      input = make("input", { type: slides ? "range" : "number", min: entry.low, max: entry.high, step: entry.type === "int" ? 1 : slides ? 0.01 : "any" });
      input.value = entry.value;
      input.oninput = () => { if (slides) shown.textContent = input.value; };
      input.onchange = () => set(Number(input.value));
    }
    input.id = "setting-" + entry.name;
    return make("label", {}, entry.name, slides ? shown : input, ...(slides ? [input] : []), make("span", { textContent: entry.help }));
  }));
}
async function fillFrames() {
  const names = (await read("/api/frames")).slice(0, 12);
  byId("frames").replaceChildren(...names.map((name) =>
    make("a", { href: "/frames/" + name + "?full", target: "_blank", rel: "noreferrer" }, make("img", { src: "/frames/" + name, alt: name, loading: "lazy" }))));
  if (!names.length) byId("frames").textContent = "none yet";
}

layOut();
connect();
