// Images that the quantized network puts into another class than the full-precision one.
"use strict";

(() => {
  const section = comq.section("images", "Images that flipped",
    "Images that the two networks put into different classes, those whose prediction moved most first.");
  const choice = { which: "all" };

  const changes = {
    all: ["all", () => true],
    lost: ["right, then wrong", (image) => image.label >= 0 && image.before === image.label],
    gained: ["wrong, then right", (image) => image.label >= 0 && image.after === image.label],
    other: ["wrong both times", (image) => image.before !== image.label && image.after !== image.label],
  };

  const imagesOf = (flips) => flips.image.map((id, k) => ({
    id, label: flips.label[k], before: flips.full_precision[k], after: flips.quantized[k], kl: flips.kl[k], thumbnail: flips.thumbnail[k],
  }));

  const card = (run, image) => {
    const url = image.thumbnail === null ? null : comq.page.thumbnails[image.thumbnail];
    const picture = url ? comq.element("img", { src: url, alt: `${comq.className(run, image.label)}, ${image.id}` }) : comq.element("span", {}, "no thumbnail");
    if (url) picture.addEventListener("load", () => picture.classList.toggle("tiny", picture.naturalWidth < 96));
    const line = (name, value, good) => [comq.element("dt", {}, name), comq.element("dd", { class: good === null ? null : good ? "good" : "bad" }, value)];
    const right = (predicted) => (image.label < 0 ? null : predicted === image.label);
    const said = (predicted) => comq.className(run, predicted) + (right(predicted) === null ? "" : right(predicted) ? " ✓" : " ✗");
    return comq.element("li", {}, comq.element("div", { class: "picture" }, picture),
      comq.element("dl", {},
        line("label", comq.className(run, image.label), null),
        line("float", said(image.before), right(image.before)),
        line("now", said(image.after), right(image.after)),
        comq.isNumber(image.kl) ? line("KL", `${comq.digits(image.kl)} nat`, null) : [],
        comq.element("dd", { class: "name" }, image.id)));
  };

  const listOf = (run, flips) => {
    const listed = imagesOf(flips).filter(changes[choice.which][1]);
    const other = flips.count - flips.lost - flips.gained;
    const share = comq.decimals(100 * flips.count / flips.images, 1);
    return [
      comq.element("p", { class: "quiet" }, `${flips.count} of ${flips.images} images (${share}%) flipped: ${flips.lost} from right to wrong, ${flips.gained} from wrong to right, ${other} wrong both times. The page lists ${flips.image.length}; ${listed.length} are shown.`),
      comq.element("ul", { class: "images" }, listed.map((image) => card(run, image))),
      comq.element("details", { class: "data" }, comq.element("summary", {}, "Data table"), comq.table(`Flipped images of ${run.label}`, [
        { name: "image", text: true, wrap: true, cell: (image) => image.id, value: (image) => image.id },
        { name: "label", text: true, cell: (image) => comq.className(run, image.label), value: (image) => comq.className(run, image.label) },
        { name: "full precision", text: true, cell: (image) => comq.className(run, image.before), value: (image) => comq.className(run, image.before) },
        { name: "quantized", text: true, cell: (image) => comq.className(run, image.after), value: (image) => comq.className(run, image.after) },
        { name: "KL, nat", cell: (image) => comq.digits(image.kl), value: (image) => image.kl },
      ], listed)),
    ];
  };

  section.render = () => {
    const run = comq.chosenRun();
    const flips = run.sets[comq.state.set]?.flips ?? null;
    section.section.hidden = !comq.page.runs.some((other) => other.sets.some((set) => set.flips));
    const controls = comq.setControl();
    controls.prepend(comq.runChoice());
    controls.append(comq.choice("Show", Object.entries(changes).map(([key, [name]]) => [key, name]), choice.which, (value) => { choice.which = value; section.render(); }));
    section.content.replaceChildren(controls, ...(flips ? listOf(run, flips)
      : [comq.element("p", { class: "note" }, "This run did not evaluate both networks on these images.")]));
  };
  comq.images = section;
})();
