// The player: connects the audio element with its buttons, keys, waveform, channels and session.

import { Around } from "./around.js";
import { Channels } from "./channels.js";
import { Heard } from "./heard.js";
import { Here } from "./here.js";
import { Keys } from "./keys.js";
import { loadWaveform } from "./levels.js";
import { Notes } from "./notes.js";
import { Pace } from "./pace.js";
import { forget, keep, prune, recall, requested, resume } from "./place.js";
import { Recovery } from "./recovery.js";
import { Removed } from "./removed.js";
import { Repeat } from "./repeat.js";
import { Session } from "./session.js";
import { connectVolume, toggleMute } from "./sound.js";
import { Source } from "./source.js";
import { playAlone } from "./tabs.js";
import { clock, languageName, localMoment, spoken } from "./times.js";
import { Turns } from "./turns.js";
import { Waveform } from "./waveform.js";
import { say } from "./words.js";

const JUMP = 10, STEP = 5;
// After a seek to the exact end Firefox fails to decode, and WebKit requests bytes beyond the file; in seconds.
const BEFORE_END = 0.01;

const $ = (id) => document.getElementById(id);
const page = $("player"), audio = $("audio");
const { session: address, place: placeName } = page.dataset;
// Counted from decoded samples, so it is correct even if the file's header is wrong.
const known = Number(page.dataset.duration);

const channels = new Channels(audio);
const waveform = new Waveform($("seek"), { strip: $("overview"), closer: $("zoom-in"), wider: $("zoom-out") }, known, seek);
const session = new Session(address, Number(page.dataset.secondsLeft), {
  idle: () => document.hidden && audio.paused,
  playing: () => !audio.paused,
  shown: showLeft,
  warned: announce,
  ended: close,
});
const recovery = new Recovery(audio, session, { trouble: $("trouble"), play: $("play"), reachable });
const source = new Source(audio, recovery);
const pace = new Pace(audio, $("speed"), $("skip"), { source, announce });
const repeat = new Repeat(() => recovery.position, { from: $("repeat-from"), to: $("repeat-to"), end: $("repeat-end"), changed: showRepeat });
const around = new Around($("around"), audio, address, { part: () => repeat, duration, begins: () => audio.pause(), told: tell });
const keys = new Keys(page, $("help"), { closed: () => session.closed, act });
const notes = new Notes({ marked: (moments) => waveform.setNotes(moments), position: () => recovery.position });
const removed = new Removed($("removed"), $("removed-here"), waveform);
const here = new Here($("copy"), $("share"), { position: () => recovery.position, tell });
new Heard(audio, address);
// Who speaks when; null until the waveform is loaded.
let turns = null;
// The channel that is heard alone, from 0; null for all.
let heard = null;
let frame = null;

function start() {
  $("controls").hidden = false;
  document.querySelector(".countdown").hidden = false;
  $("started").textContent = localMoment($("started").dateTime);
  for (const tag of document.querySelectorAll("[data-language]")) {
    tag.textContent = say("notice_language", { language: languageName(tag.dataset.language) });
  }
  showDuration();
  listenToAudio();
  listenToListener();
  connectVolume(audio, $("mute"), $("volume"));
  if ("waveform" in page.dataset) showWaveform();
  restore();
}

/** Restores the listener's place; browsers restore some controls themselves after a reload, so all are set. */
function restore() {
  prune();
  const reloaded = recall(address), asked = requested();
  const resumed = reloaded || asked !== null ? null : resume(placeName, duration());
  const { at, speed, channel, skip } = { at: asked, speed: "1", channel: "", skip: false, ...(reloaded ?? resumed) };
  $("resumed").hidden = !resumed;
  pace.restore(speed, skip);
  if (at) seek(at);
  const choice = document.querySelector(`#channels input[value="${channel}"]`);
  if (choice) choice.checked = true;
  if (choice && channel !== "") selectChannel(Number(channel));
}

function store() {
  if (session.closed) return;
  const channel = heard === null ? "" : String(heard);
  keep(address, placeName, { at: recovery.position, speed: $("speed").value, channel, skip: pace.skips });
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
  const on = (names, act) => names.forEach((name) => audio.addEventListener(name, act));
  on(["loadedmetadata"], showDuration);
  on(["timeupdate", "seeked"], () => showPosition());
  on(["play", "pause", "ended"], showPlaying);
  on(["pause"], store);
  on(["play"], () => session.watch());
  on(["play"], () => { $("resumed").hidden = true; });
  // Also during a failure, so that the retry does not start playing.
  playAlone(address, audio, () => { recovery.wanted = false; audio.pause(); });
  on(["ended"], () => { if (repeat.active) { seek(repeat.from); audio.play().catch(() => {}); } });
  // A seek to the end sometimes leaves WebKit ended but not paused, without events: pausing fires them.
  on(["seeked"], () => { if (audio.ended && audio.currentTime > 0) audio.pause(); });
}

const BUTTONS = {
  play: toggle,
  back: () => jump(-JUMP), on: () => jump(JUMP),
  previous: () => goTo(turns?.previous(recovery.position)), next: () => goTo(turns?.next(recovery.position)),
  "zoom-in": () => zoom(0.5), "zoom-out": () => zoom(2),
  keys: () => keys.help(),
  "from-start": () => { seek(0); $("resumed").hidden = true; $("play").focus(); },
};

function listenToListener() {
  for (const [id, pressed] of Object.entries(BUTTONS)) $(id)?.addEventListener("click", pressed);
  for (const choice of document.querySelectorAll("#channels input")) {
    choice.addEventListener("change", () => selectChannel(choice.value === "" ? null : Number(choice.value)));
  }
  addEventListener("hashchange", () => { if (requested() !== null) seek(requested()); });
  addEventListener("pagehide", store);
  document.addEventListener("visibilitychange", () => document.hidden && store());
}

const KEYS = {
  " ": toggle, k: toggle,
  j: BUTTONS.back, l: BUTTONS.on,
  ArrowLeft: () => jump(-STEP), ArrowRight: () => jump(STEP),
  Home: () => seek(0), End: () => seek(duration()),
  p: BUTTONS.previous, n: BUTTONS.next,
  "<": () => pace.change(-1), ">": () => pace.change(1),
  m: () => toggleMute(audio),
  s: () => pace.toggleSkip(),
  a: () => repeat.setFrom(), b: () => repeat.setTo(), r: () => repeat.clear(),
  "+": BUTTONS["zoom-in"], "-": BUTTONS["zoom-out"],
  c: () => here.copy(),
  t: () => notes.write(),
  "?": BUTTONS.keys,
};
// Additional keys while the slider has the focus.
const SLIDER_KEYS = {
  ArrowDown: () => jump(-STEP), ArrowUp: () => jump(STEP),
  PageDown: () => jump(-duration() / 10), PageUp: () => jump(duration() / 10),
};

function act(key, target) {
  const pressed = KEYS[key] ?? (target.id === "seek" ? SLIDER_KEYS[key] : undefined);
  pressed?.();
  return pressed !== undefined;
}

function toggle() {
  const atEnd = audio.ended || (duration() > 0 && recovery.position >= reachable(duration()));
  if (!audio.paused && !atEnd) return audio.pause();
  // At the end Play restarts. A seek back from the end sometimes leaves WebKit there; loading does not.
  if (atEnd && source.resting) seek(0);
  else if (atEnd) audio.load();
  source.wake();
  channels.resume();
  // If play() is rejected, an error event follows, or the listener presses again.
  return audio.play().catch(() => {});
}

function jump(seconds) {
  goTo(recovery.position + seconds);
}

/** Seeks and announces the position; `null` if there is nothing to go to. */
function goTo(seconds) {
  if (seconds === null || seconds === undefined) return announce(say("no_speaker"));
  seek(seconds);
  // A focused slider is announced by the screen reader itself.
  if (document.activeElement !== waveform.slider) announce(spoken(recovery.position));
}

function seek(seconds) {
  const position = reachable(seconds);
  recovery.moveTo(position);
  audio.currentTime = position;
  showPosition({ moving: false });
}

function selectChannel(channel) {
  heard = channel;
  channels.choose(channel);
  waveform.mute(waveform.lanes.map((_, index) => channel !== null && index !== channel));
}

function showRepeat(text) {
  waveform.mark(repeat);
  around.show();
  announce(text);
}

function zoom(factor) {
  waveform.zoom(factor);
  announce(say("zoomed", { from: spoken(waveform.view.from), to: spoken(waveform.view.to) }));
}

/** Shows a sentence for a moment, which the screen reader reads as well. */
function tell(text) {
  $("told-now").textContent = text;
}

/** Says something to the screen reader alone. */
function announce(text) {
  $("said").textContent = text;
}

/** Skips silence and repeats, while it plays. */
function steer() {
  if (audio.paused || audio.seeking) return;
  const at = audio.currentTime;
  const to = repeat.jump(at) ?? (pace.skips ? turns?.skip(at, heard) : null) ?? null;
  if (to !== null) audio.currentTime = reachable(to);
}

function showPosition({ moving = !audio.paused } = {}) {
  if (moving) steer();
  const at = recovery.position;
  $("now").textContent = clock(at);
  here.follow(at);
  waveform.show(at, { moving });
  notes.follow();
  removed.follow(at);
}

function showDuration() {
  $("total").textContent = clock(duration());
  waveform.setDuration(duration());
}

function showPlaying() {
  const playing = !audio.paused && !audio.ended;
  $("play").setAttribute("aria-label", say(playing ? "pause" : "play"));
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

async function showWaveform() {
  const stored = await loadWaveform(address);
  if (stored === null) return;
  waveform.setChannels(stored.channels);
  turns = new Turns(stored.levels, duration());
  for (const id of ["previous", "next", "skip"]) $(id).disabled = false;
}

/** Ends the player, and drops the audio that the browser has buffered. */
function close({ state, title, text }) {
  around.stop();
  audio.pause();
  audio.removeAttribute("src");
  audio.load();
  if (state && state !== "ended") forget(placeName);
  $("help").close();
  $("controls").hidden = true;
  const closed = $("closed");
  closed.querySelector("h2").textContent = title;
  closed.querySelector("p").textContent = text;
  closed.hidden = false;
  closed.querySelector("h2").focus();
  page.classList.add("over");
}

start();
