// <lookalike-strip item="ID" limit="8">: the items most like one, as a strip on any page, from any origin.
// With likes="ID,ID" it is what somebody would like who likes these. No build step, no dependency, no inline style.
(() => {
  "use strict";
  const own = document.currentScript && document.currentScript.src;
  const home = own ? own.replace(/\/static\/lookalike-strip\.js.*$/, "") : "";
  const css = `
:host{display:block;container-type:inline-size;font:inherit;color:inherit}
:host([hidden]),.none{display:none}
h2{font:inherit;font-size:1.15em;font-weight:600;margin:0 0 .6em}
ul{display:flex;gap:var(--lookalike-gap,.75rem);margin:0;padding:0 0 .5rem;list-style:none;overflow-x:auto;
scroll-snap-type:x proximity;scrollbar-width:thin}
li{flex:0 0 var(--lookalike-card,clamp(7.5rem,22cqi,11rem));scroll-snap-align:start}
a{display:block;color:inherit;text-decoration:none;border-radius:var(--lookalike-radius,.5rem)}
a:focus-visible{outline:3px solid currentColor;outline-offset:2px}
img{display:block;width:100%;height:auto;aspect-ratio:4/5;object-fit:contain;background:var(--lookalike-ground,#fff);
border-radius:inherit}
.title{display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:2;overflow:hidden;margin-top:.4em;
font-size:.9em;line-height:1.3}
.price{display:block;margin-top:.15em;font-size:.9em;font-weight:600}
a:hover .title{text-decoration:underline}`;

  const listed = (text) => (text || "").split(",").map((one) => one.trim()).filter(Boolean);

  class LookalikeStrip extends HTMLElement {
    static observedAttributes = [
      "item", "likes", "dislikes", "seen", "limit", "where", "weights", "href", "heading", "currency", "server",
    ];

    constructor() {
      super();
      const root = this.attachShadow({ mode: "open" });
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(css);
      root.adoptedStyleSheets = [sheet];
    }

    connectedCallback() {
      this.later();
    }

    disconnectedCallback() {
      if (this.asked) this.asked.abort();
    }

    attributeChangedCallback() {
      this.later();
    }

    // Several attributes are set one after another; they are asked for once.
    later() {
      if (this.waits || !this.isConnected) return;
      this.waits = true;
      queueMicrotask(() => {
        this.waits = false;
        if (this.isConnected) this.load();
      });
    }

    get base() {
      return (this.getAttribute("server") || home).replace(/\/$/, "");
    }

    request() {
      const limit = Number(this.getAttribute("limit")) || 8;
      const where = this.getAttribute("where");
      const weights = this.getAttribute("weights");
      const item = this.getAttribute("item");
      if (item && !this.getAttribute("likes")) {
        const asked = new URLSearchParams({ k: String(limit) });
        if (where) asked.set("where", where);
        if (weights) asked.set("weights", weights);
        return [`${this.base}/v1/items/${encodeURIComponent(item)}/similar?${asked}`, {}];
      }
      const body = { limit };
      for (const name of ["likes", "dislikes", "seen"]) {
        const ids = listed(this.getAttribute(name));
        if (ids.length) body[name] = ids;
      }
      if (where) body.where = JSON.parse(where);
      if (weights) body.weights = weights;
      const headers = { "Content-Type": "application/json" };
      return [`${this.base}/v1/recommend`, { method: "POST", headers, body: JSON.stringify(body) }];
    }

    async load() {
      if (this.asked) this.asked.abort();
      const asked = (this.asked = new AbortController());
      if (!this.getAttribute("item") && !this.hasAttribute("likes")) return this.show([]);
      try {
        const [address, options] = this.request();
        const answer = await fetch(address, { ...options, signal: asked.signal, credentials: "omit" });
        const said = await answer.json();
        if (!answer.ok) throw new Error(said.detail || `${answer.status}`);
        this.show(said.hits);
        this.dispatchEvent(new CustomEvent("lookalike-load", { detail: said, bubbles: true, composed: true }));
      } catch (error) {
        if (error.name === "AbortError") return;
        this.show([]);
        this.dispatchEvent(new CustomEvent("lookalike-error", { detail: error, bubbles: true, composed: true }));
      }
    }

    // A shop's page is no worse off without the strip: where there is nothing to show, nothing is shown.
    show(hits) {
      const heading = this.getAttribute("heading") || "Similar items";
      const section = document.createElement("section");
      section.setAttribute("aria-label", heading);
      section.className = hits.length ? "" : "none";
      const title = section.appendChild(document.createElement("h2"));
      title.textContent = heading;
      title.part = "heading";
      const list = section.appendChild(document.createElement("ul"));
      list.append(...hits.map((hit) => this.card(hit)));
      this.shadowRoot.replaceChildren(section);
    }

    card(hit) {
      const { id, attributes, picture, images, predicted } = hit.item;
      const name = String(attributes.title || attributes.name || predicted.class.value);
      const card = document.createElement("li");
      const link = card.appendChild(document.createElement("a"));
      link.part = "card";
      const pattern = this.getAttribute("href");
      link.href = pattern ? pattern.replace("{id}", encodeURIComponent(id)) : `${this.base}/items/${encodeURIComponent(id)}`;
      const image = link.appendChild(document.createElement("img"));
      image.loading = "lazy";
      image.decoding = "async";
      image.alt = "";
      image.width = picture.width;
      image.height = picture.height;
      const address = (one) => new URL(one.url, `${this.base}/`).href;
      const sizes = Object.values(images || {}).filter((one, at, all) => !at || one.url !== all[at - 1].url);
      if (sizes.length > 1) {
        image.sizes = "auto, 11rem";
        image.srcset = sizes.map((one) => `${address(one)} ${one.width}w`).join(", ");
      }
      image.src = address(sizes[sizes.length >> 1] || picture);
      const text = link.appendChild(document.createElement("span"));
      text.className = "title";
      text.part = "title";
      text.textContent = name;
      if (typeof attributes.price === "number") {
        const price = link.appendChild(document.createElement("span"));
        price.className = "price";
        price.part = "price";
        price.textContent = this.price(attributes.price, attributes.currency);
      }
      link.addEventListener("click", () => {
        const detail = { id, because_of: hit.because_of };
        this.dispatchEvent(new CustomEvent("lookalike-click", { detail, bubbles: true, composed: true }));
      });
      return card;
    }

    price(amount, currency) {
      const language = this.closest("[lang]") ? this.closest("[lang]").lang : undefined;
      const code = currency || this.getAttribute("currency");
      const form = code ? { style: "currency", currency: code } : { minimumFractionDigits: 2 };
      return new Intl.NumberFormat(language, form).format(amount);
    }
  }

  if (!customElements.get("lookalike-strip")) customElements.define("lookalike-strip", LookalikeStrip);
})();
