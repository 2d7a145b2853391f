// The point that is pointed at plays; what stands in lists waits to be started; one alone is heard at a time.
const start = (player) => player.play().catch((error) => {
  if (error.name !== "NotAllowedError") return; // it cannot be played, or another one was started
  const again = () => player.isConnected && start(player);
  addEventListener("click", again, { capture: true, once: true }); // browsers are silent before a first click
});
new MutationObserver((changes) => {
  for (const node of changes.flatMap((change) => [...change.addedNodes])) {
    const players = node.querySelectorAll ? node.querySelectorAll("audio, video") : [];
    for (const player of players) if (!player.closest("button, table")) start(player);
  }
}).observe(document, { childList: true, subtree: true });
addEventListener("play", ({ target }) => {
  for (const player of document.querySelectorAll("audio, video")) if (player !== target) player.pause();
}, true);
