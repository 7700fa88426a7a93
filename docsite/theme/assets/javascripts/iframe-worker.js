// Browsers allow no worker on pages opened from disk. There, a hidden frame runs the worker's
// script, with the two functions that a frame lacks or means otherwise: search needs no server.
(() => {
  const SETUP = `
    postMessage = (data) => parent.postMessage(data, "*");
    importScripts = async (...urls) => {
      for (const url of urls) {
        await new Promise((done) => {
          const script = document.createElement("script");
          script.src = url;
          script.onload = script.onerror = done;
          document.body.append(script);
        });
      }
    };`;

  class FrameWorker extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      const inside = (this.inside = frame.contentWindow);
      addEventListener("message", ({ source, data }) => {
        if (source === inside) this.dispatchEvent(new MessageEvent("message", { data }));
      });
      this.addEventListener("message", (event) => this.onmessage?.(event));
      const setup = inside.document.createElement("script");
      setup.textContent = SETUP;
      inside.document.body.append(setup);
      this.ready = inside.importScripts(url);
    }

    postMessage(data) {
      this.ready.then(() =>
        this.inside.dispatchEvent(new this.inside.MessageEvent("message", { data })),
      );
    }
  }

  if (location.protocol === "file:") window.Worker = FrameWorker;
})();
