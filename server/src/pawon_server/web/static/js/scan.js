// Helps to fill in a barcode: what a scanner types that a browser would swallow, and the camera where there is one. The
// page works without it.

const form = document.getElementById("scan");
const field = form.elements.barcode;
const button = document.getElementById("camera");
const view = document.getElementById("view");

// Between the elements of a GS1 code. Scanners that type send it as Ctrl+] or F8.
const SEPARATOR = "\x1d";
const FORMATS = ["code_128", "data_matrix", "qr_code", "ean_13", "ean_8", "upc_a", "itf"];
const LOOK_EVERY_MS = 250;
// A hand that holds a phone over a sack gets tired, and a lens that nobody needs costs battery.
const LOOK_FOR_MS = 60_000;

field.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey && event.key === "]") && event.key !== "F8") return;
  event.preventDefault();
  field.setRangeText(SEPARATOR, field.selectionStart, field.selectionEnd, "end");
});

async function look() {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  const detector = new BarcodeDetector({ formats: FORMATS });
  const end = performance.now() + LOOK_FOR_MS;
  try {
    view.srcObject = stream;
    view.hidden = false;
    await view.play();
    while (performance.now() < end) {
      const [found] = await detector.detect(view);
      if (found !== undefined) return found.rawValue;
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
    return "";
  } finally {
    view.hidden = true;
    for (const track of stream.getTracks()) track.stop();
  }
}

if ("BarcodeDetector" in globalThis && navigator.mediaDevices !== undefined) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const text = await look();
      if (text) {
        field.value = text;
        form.requestSubmit();
      }
    } catch {
      // Refused, or no camera after all: the field is still there to be typed into.
      button.hidden = true;
    } finally {
      button.disabled = false;
    }
  });
}
