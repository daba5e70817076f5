// A button that copies each example, and links of a parameter that open the tab of its model. The page works without.
for (const example of document.querySelectorAll("pre")) {
  const button = document.createElement("button");
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    const text = example.querySelector("code").textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch { // a page that did not come over TLS or from this machine has no clipboard
      const area = document.body.appendChild(document.createElement("textarea"));
      area.value = text;
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
  example.append(button);
}
function open() {
  const named = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const tab = named && named.closest("[data-tab]");
  if (tab) document.getElementById(tab.dataset.tab).checked = true;
  if (named) named.scrollIntoView();
}
addEventListener("hashchange", open);
open();
