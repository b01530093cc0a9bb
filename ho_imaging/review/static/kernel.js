// Whether the kernel is only busy or has been lost. An alarm is given for what is known to be lost.

const QUIET_MS = 2500; // nothing is said before
const LOST_MS = 4000; // a kernel that is idle for so long has not got what it was sent
const UNKNOWN_MS = 30000; // where the page does not say how the kernel is
const GONE = new Set(["dead", "terminating", "restarting", "autorestarting"]);

// As Jupyter names them; null where it is not told (VS Code).
export function kernelOf(model) {
  const kernel = model.widget_manager?.kernel;
  return kernel ? { status: kernel.status, connection: kernel.connectionStatus } : null;
}

// waited: milliseconds since the message was sent, idle: those of them since when the kernel has been idle.
export function verdict(kernel, waited, idle) {
  if (kernel && (GONE.has(kernel.status) || kernel.connection === "disconnected")) return "lost";
  if (waited < QUIET_MS) return "fine";
  if (!kernel) return waited < UNKNOWN_MS ? "busy" : "lost";
  return idle > LOST_MS ? "lost" : "busy";
}
