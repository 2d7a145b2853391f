"use strict";
// One pair at a time: fetch both pictures, show them for the time that the server says, hide them, ask.

const $ = (id) => document.getElementById(id);
const sections = ["welcome", "trial", "pause", "end"];
const READY = 600; // ms of empty frames before a pair, so that the eye is there
let session = null, seconds = 1, state = null, asking = false, hidden = 0;

function only(name) {
  for (const one of sections) $(one).hidden = one !== name;
}

function trouble(text, retry) {
  $("trouble").textContent = text;
  $("trouble").hidden = false;
  $("again").hidden = !retry;
  $("again").onclick = () => { calm(); retry(); };
  if (retry) $("again").focus();
}

function calm() {
  $("trouble").hidden = $("again").hidden = true;
}

async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  const found = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(found.error), { status: answer.status });
  return found;
}

function failed(error, retry) {
  if (error.status === 410 || error.status === 409) { // the server started anew, or another window went on
    session = null;
    $("along").hidden = true;
    only("welcome");
    trouble(error.status === 410 ? error.message : "This test goes on in another window. Give your name to go on here.");
    $("name").focus();
  } else if (error.status) {
    trouble(error.message, error.status === 400 ? null : retry);
  } else {
    trouble("The test cannot be reached. Is the tool still running? Your answers so far are kept.", retry);
  }
}

function along() {
  const tests = state.number >= state.practice;
  const number = tests ? state.number - state.practice : state.number;
  const of = tests ? state.pairs : state.practice;
  $("where").textContent = state.done ? "All pairs done" : `${tests ? "Pair" : "Practice"} ${number + 1} of ${of}`;
  $("bar").value = state.done ? 1 : number / of;
  $("along").hidden = false;
}

const wait = (time) => new Promise((done) => setTimeout(done, time));
const frame = () => new Promise((done) => requestAnimationFrame(done));

async function load(side) {
  const answer = await fetch(`/pair/${session}/${state.number}/${side}`);
  if (!answer.ok) throw Object.assign(new Error((await answer.json()).error), { status: answer.status });
  const image = $(side), address = URL.createObjectURL(await answer.blob());
  image.src = address;
  await image.decode();
  URL.revokeObjectURL(address);
}

async function show() {
  calm();
  along();
  if (state.done) return end();
  only("trial");
  $("choose-left").disabled = $("choose-right").disabled = true;
  $("question").textContent = "Look here …";
  try {
    await Promise.all([load("left"), load("right"), wait(READY)]);
  } catch (error) {
    return failed(error, show);
  }
  $("left").hidden = $("right").hidden = false;
  await frame(); // drawn by now: the time runs from what is seen
  await wait(seconds * 1000);
  for (const side of ["left", "right"]) {
    $(side).hidden = true;
    $(side).removeAttribute("src");
  }
  $("question").textContent = "Which one was the fake?";
  $("choose-left").disabled = $("choose-right").disabled = false;
  asking = true;
  hidden = performance.now();
}

async function choose(side) {
  if (!asking) return;
  asking = false;
  $("choose-left").disabled = $("choose-right").disabled = true;
  const taken = (performance.now() - hidden) / 1000;
  const send = async () => {
    try {
      state = await post("/choose", { session, number: state.number, side, seconds: taken });
    } catch (error) {
      return failed(error, send);
    }
    if ("right" in state) return pause();
    await show();
  };
  await send();
}

function pause() {
  const over = state.number >= state.practice;
  $("said").textContent = `${state.right ? "Right" : "Wrong"}: the ${state.fake} picture was the fake.`
    + (over ? ` That was the practice. Now ${state.pairs} pairs without answers.` : "");
  $("next").textContent = over ? "Start the test" : "Next pair";
  only("pause");
  $("next").focus();
}

function end() {
  $("result").textContent = state.judged
    ? `You took the true picture for the fake in ${state.fooled} of ${state.judged} pairs. `
      + "Half of them would mean that the fakes cannot be told."
    : "All answers are kept.";
  only("end");
  $("end").focus();
}

$("begin").addEventListener("submit", async (event) => {
  event.preventDefault();
  calm();
  try {
    state = await post("/begin", { name: $("name").value });
  } catch (error) {
    return failed(error, () => $("begin").requestSubmit());
  }
  session = state.session;
  seconds = state.seconds;
  await show();
});
$("choose-left").addEventListener("click", () => choose("left"));
$("choose-right").addEventListener("click", () => choose("right"));
$("next").addEventListener("click", show);
document.addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.altKey || event.metaKey || $("trial").hidden) return;
  if (event.key === "ArrowLeft") choose("left");
  if (event.key === "ArrowRight") choose("right");
});
$("name").focus();
