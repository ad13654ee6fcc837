// A shop knows its own product; here it is asked for, so that one page shows any of them.
const search = "http://127.0.0.1:8000";
const product = new URLSearchParams(location.search).get("product") || "sample-013";

// What somebody has looked at is kept in their browser alone; the five latest are what they like.
const earlier = JSON.parse(localStorage.getItem("seen") || "[]").filter((id) => id !== product);
localStorage.setItem("seen", JSON.stringify([product, ...earlier].slice(0, 5)));

document.getElementById("similar").setAttribute("item", product);
const liked = document.getElementById("liked");
if (earlier.length) {
  liked.setAttribute("likes", earlier.slice(0, 5).join());
  liked.setAttribute("seen", product);
} else {
  liked.hidden = true;
}

document.getElementById("picture").src = `${search}/v1/items/${encodeURIComponent(product)}/image`;
fetch(`${search}/v1/items/${encodeURIComponent(product)}`)
  .then((answer) => answer.json())
  .then(({ attributes }) => {
    document.getElementById("title").textContent = document.title = attributes.title || product;
    const price = new Intl.NumberFormat("en", { style: "currency", currency: "EUR" });
    if (attributes.price) document.getElementById("price").textContent = price.format(attributes.price);
  });
