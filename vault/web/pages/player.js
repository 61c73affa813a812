// The player: connects the audio element with its buttons, keys, waveform, channels and session.

import { Channels } from "./channels.js";
import { keep, recall, requested } from "./place.js";
import { Session } from "./session.js";
import { playAlone } from "./tabs.js";
import { clock, languageName, localMoment, spoken } from "./times.js";
import { Waveform } from "./waveform.js";

const JUMP = 10, STEP = 5;
// After a seek to the exact end Firefox fails to decode, and WebKit requests bytes beyond the file; in seconds.
const BEFORE_END = 0.01;
// Backoff of automatic retries, in milliseconds; after them the listener must press "Try again".
const RETRIES = [1000, 3000, 9000];
// Delay before a stall is shown, in milliseconds: browsers themselves retry for half a minute without an event.
const STALL_DELAY = 4000;
const OFFLINE = "The audio does not load. Check your connection; the player continues automatically when it is back.";
const RETRYING = "The audio does not load. The player retries automatically.";
const DAMAGED = "This part of the recording cannot be played. Try again, or tell the person who sent the link.";

const MISSING = "The audio of this recording is missing at the moment. It was reported, and plays here again once it is back.";

const $ = (id) => document.getElementById(id);
const page = $("player"), audio = $("audio"), trouble = $("trouble");
const address = page.dataset.session;
// Counted from decoded samples, so it is correct even if the file's header is wrong.
const known = Number(page.dataset.duration);

const channels = new Channels(audio);
const waveform = new Waveform($("seek"), known, seek);
const session = new Session(address, Number(page.dataset.secondsLeft), {
  idle: () => document.hidden && audio.paused,
  shown: showLeft,
  warned: announce,
  ended: close,
});
// The number of consecutive failures at one position, and that position in seconds.
let failures = 0;
let failedAt = 0;
let retrying = null;
let waiting = null;
// Whether the listener pressed Play: the browser pauses an element that fails.
let wanted = false;
// Position to continue from after a failure, in seconds; null if there is no failure.
let broken = null;
let frame = null;

start();

function start() {
  $("controls").hidden = false;
  document.querySelector(".countdown").hidden = false;
  $("started").textContent = localMoment($("started").dateTime);
  for (const tag of document.querySelectorAll("[data-language]")) {
    tag.textContent = `in ${languageName(tag.dataset.language)}`;
  }
  showDuration();
  listenToAudio();
  listenToListener();
  if ("waveform" in page.dataset) drawPeaks();
  restore();
}

/** Restores the state from before a reload; browsers restore some controls themselves, so all are set. */
function restore() {
  const { at, speed, channel } = recall(address) ?? { at: requested(), speed: "1", channel: "" };
  if (at) seek(at);
  $("speed").value = speed;
  setSpeed();
  const choice = document.querySelector(`#channels input[value="${channel}"]`);
  if (choice) choice.checked = true;
  if (choice && channel !== "") selectChannel(Number(channel));
}

function store() {
  const channel = document.querySelector("#channels input:checked")?.value ?? "";
  if (!session.closed) keep(address, { at: broken ?? audio.currentTime, speed: $("speed").value, channel });
}

function duration() {
  return known || (Number.isFinite(audio.duration) ? audio.duration : 0);
}

/** Returns the nearest position that every browser can play from, even if the file's header is wrong. */
function reachable(seconds) {
  const lengths = [known, audio.duration].filter((length) => Number.isFinite(length) && length > 0);
  const last = lengths.length ? Math.min(...lengths) - BEFORE_END : 0;
  return Math.max(0, Math.min(last, seconds));
}

function listenToAudio() {
  audio.preservesPitch = true;
  audio.addEventListener("loadedmetadata", () => { showDuration(); continuePlaying(); });
  for (const event of ["timeupdate", "seeked"]) audio.addEventListener(event, () => showPosition());
  audio.addEventListener("play", () => {
    wanted = true;
    // The page requests no audio before Play is pressed, but a retry must load it even while paused.
    audio.preload = "metadata";
  });
  audio.addEventListener("pause", () => { if (!audio.error) wanted = false; });
  for (const event of ["play", "pause", "ended"]) audio.addEventListener(event, showPlaying);
  for (const event of ["waiting", "seeking"]) audio.addEventListener(event, startWaiting);
  for (const event of ["playing", "canplay", "seeked", "emptied", "error"]) audio.addEventListener(event, stopWaiting);
  for (const event of ["canplay", "seeked"]) audio.addEventListener(event, () => { trouble.hidden = true; });
  audio.addEventListener("error", failed);
  // Also during a failure, so that the retry does not start playing.
  playAlone(address, audio, () => { wanted = false; audio.pause(); });
  // A seek to the end sometimes leaves WebKit ended but not paused, without events: pausing fires them.
  audio.addEventListener("seeked", () => { if (audio.ended && audio.currentTime > 0) audio.pause(); });
}

function listenToListener() {
  $("play").addEventListener("click", toggle);
  $("back").addEventListener("click", () => jump(-JUMP));
  $("on").addEventListener("click", () => jump(JUMP));
  trouble.querySelector("button").addEventListener("click", () => { failures = 0; retry(); });
  addEventListener("online", () => { failures = 0; if (!trouble.hidden) retry(); });
  $("speed").addEventListener("change", setSpeed);
  for (const choice of document.querySelectorAll("#channels input")) {
    choice.addEventListener("change", () => selectChannel(choice.value === "" ? null : Number(choice.value)));
  }
  document.addEventListener("keydown", pressed);
  addEventListener("hashchange", () => { if (requested() !== null) seek(requested()); });
  addEventListener("pagehide", store);
}

/** Sets the speed, and the default speed for a reload of the audio. */
function setSpeed() {
  audio.defaultPlaybackRate = audio.playbackRate = Number($("speed").value);
}

function toggle() {
  const atEnd = audio.ended || (duration() > 0 && audio.currentTime >= reachable(duration()));
  if (!audio.paused && !atEnd) return audio.pause();
  // At the end Play restarts. A seek back from the end sometimes leaves WebKit there; loading does not.
  if (atEnd) audio.load();
  channels.resume();
  // If play() is rejected, an error event follows, or the listener presses again.
  return audio.play().catch(() => {});
}

function jump(seconds) {
  seek(audio.currentTime + seconds);
  // A focused slider is announced by the screen reader itself.
  if (document.activeElement !== waveform.slider) announce(spoken(audio.currentTime));
}

function seek(seconds) {
  const position = reachable(seconds);
  if (broken !== null) broken = position;
  audio.currentTime = position;
  showPosition({ moving: false });
}

function selectChannel(channel) {
  channels.choose(channel);
  waveform.mute(waveform.lanes.map((_, index) => channel !== null && index !== channel));
}

const KEYS = {
  " ": toggle, k: toggle,
  j: () => jump(-JUMP), l: () => jump(JUMP),
  ArrowLeft: () => jump(-STEP), ArrowRight: () => jump(STEP),
  Home: () => seek(0), End: () => seek(duration()),
};
// Additional keys while the slider has the focus.
const SLIDER_KEYS = {
  ArrowDown: () => jump(-STEP), ArrowUp: () => jump(STEP),
  PageDown: () => jump(-duration() / 10), PageUp: () => jump(duration() / 10),
};

function pressed(event) {
  if (session.closed || event.ctrlKey || event.metaKey || event.altKey) return;
  const target = event.target;
  // Inputs and buttons keep their own keys.
  if (target.matches("input, select")) return;
  if (event.key === " " && target.matches("button, a, summary")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const act = KEYS[key] ?? (target.id === "seek" ? SLIDER_KEYS[key] : undefined);
  if (!act) return;
  event.preventDefault();
  act();
}

function showPosition({ moving = !audio.paused } = {}) {
  $("now").textContent = clock(audio.currentTime);
  waveform.show(audio.currentTime, { moving });
}

function showDuration() {
  $("total").textContent = clock(duration());
  waveform.setDuration(duration());
}

function showPlaying() {
  const playing = !audio.paused && !audio.ended;
  $("play").setAttribute("aria-label", playing ? "Pause" : "Play");
  $("play").classList.toggle("playing", playing);
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) follow();
}

/** Moves the line with every frame; `timeupdate` fires only four times a second. */
function follow() {
  if (audio.paused || session.closed) return;
  showPosition();
  cancelAnimationFrame(frame);
  frame = requestAnimationFrame(follow);
}

function showLeft(text, seconds) {
  $("left").textContent = text;
  page.classList.toggle("ending", seconds <= 60);
}

function announce(text) {
  $("said").textContent = text;
}

async function drawPeaks() {
  try {
    const answer = await fetch(`${address}/waveform`);
    if (answer.ok) waveform.setPeaks((await answer.json()).channels);
  } catch {
    // Without a waveform the recording can still be played, and the line dragged.
  }
}

function startWaiting() {
  stopWaiting();
  $("play").classList.add("waiting");
  waiting = setTimeout(async () => {
    if (!(await session.ask()) && !session.closed) showTrouble(OFFLINE);
  }, STALL_DELAY);
}

function stopWaiting() {
  clearTimeout(waiting);
  $("play").classList.remove("waiting");
}

/** Finds out why the audio stopped: the session, the network, or the audio itself. */
async function failed() {
  remember();
  // A retry can load the beginning each time, so failures are counted by position: tampered audio never loads.
  if (Math.abs(broken - failedAt) > 1) failures = 0;
  failedAt = broken;
  const damaged = audio.error?.code === MediaError.MEDIA_ERR_DECODE;
  const reached = await session.ask();
  if (session.closed) return;
  const last = damaged || failures === RETRIES.length;
  if (!last) retrying = setTimeout(retry, RETRIES[failures++]);
  if (!reached) showTrouble(OFFLINE);
  else if (!last) showTrouble(RETRYING);
  else showTrouble(!damaged && (await isMissing()) ? MISSING : DAMAGED);
}

/** Requests one byte to find out why the audio does not load: an audio element does not expose the response. */
async function isMissing() {
  try {
    const answer = await fetch(audio.src, { headers: { Range: "bytes=0-0" }, cache: "no-store" });
    return answer.status === 503 && (await answer.json()).reasons?.includes("recording_missing") === true;
  } catch {
    return false;
  }
}

function showTrouble(text) {
  trouble.hidden = false;
  trouble.querySelector("span").textContent = text;
}

/** Stores the listener's position, which loading resets. */
function remember() {
  broken ??= audio.currentTime;
}

function retry() {
  clearTimeout(retrying);
  remember();
  audio.load();
}

/** Continues where the audio stopped. */
function continuePlaying() {
  if (broken === null) return;
  audio.currentTime = reachable(broken);
  broken = null;
  if (wanted) audio.play().catch(() => {});
}

/** Ends the player, and drops the audio that the browser has buffered. */
function close({ title, text }) {
  audio.pause();
  audio.removeAttribute("src");
  audio.load();
  $("controls").hidden = true;
  const closed = $("closed");
  closed.querySelector("h2").textContent = title;
  closed.querySelector("p").textContent = text;
  closed.hidden = false;
  closed.querySelector("h2").focus();
  page.classList.add("over");
}
