// Looking closer: the curves of the page once more, by uPlot, with one time for all of them.
(function () {
  "use strict";
  const box = document.querySelector(".plots");
  if (!box) return;
  const { start, end, columns, height, tall } = Object.fromEntries(
    Object.entries(box.dataset).map(([name, text]) => [name, +text]));
  const all = (selector, inside = box) => [...inside.querySelectorAll(selector)];
  const $ = (id) => document.getElementById(id);
  const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 432000, 864000];
  const GUTTER = 52, MARGIN = 16;  // left and right of every plot, as in report.css
  const stage = box.querySelector(".stage"), lanes = all(".lane svg.plot");
  const seconds = (column) => start + (end - start) * column / columns;
  const two = (n) => String(n).padStart(2, "0");
  const clock = (t) => { t = Math.floor(t + 1e-6); return [t / 3600, t / 60 % 60, t % 60].map((n) => two(Math.floor(n))).join(":"); };
  const label = (t, step) => step >= 86400 ? t / 86400 + " d" : step % 60 ? clock(t) : clock(t).slice(0, -3);
  const style = (element) => getComputedStyle(element);
  let from = 0, to = columns, at = 0;

  // a staircase back to the first and last extreme of each column: two values a column
  function decode(path, top) {
    const values = new Array(2 * columns).fill(null);
    let x = 0, y = 0;
    const see = (value) => {
      if (x >= columns) return;
      if (values[2 * x] === null) values[2 * x] = value;
      values[2 * x + 1] = value;
    };
    const scaled = () => (1 - y / height) * top;
    for (const [, letter, a, b] of path.matchAll(/([Mhv])(-?\d+)(?: (-?\d+))?/g)) {
      if (letter === "M") { x = +a; y = +b; see(scaled()); }
      else if (letter === "v") { y += +a; see(scaled()); }
      else for (let k = +a; k > 0; k--) { see(scaled()); x++; }
    }
    return values;
  }

  const shaded = all("#shaded rect").map((rect) => [+rect.getAttribute("x"), +rect.getAttribute("width")]);
  const shade = (u) => {
    u.ctx.fillStyle = style(document.documentElement).getPropertyValue("--shade");
    for (const [x, width] of shaded) {
      const left = Math.max(u.bbox.left, u.valToPos(seconds(x), "x", true));
      const right = Math.min(u.bbox.left + u.bbox.width, u.valToPos(seconds(x + width), "x", true));
      if (right > left) u.ctx.fillRect(left, u.bbox.top, right - left, u.bbox.height);
    }
  };
  const peaks = (series) => (u) => {  // what a sample a second may miss
    u.ctx.save();
    u.ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
    for (const { row, stroke } of series) {
      if (!row.dataset.peak) continue;
      u.ctx.strokeStyle = stroke();
      const y = u.valToPos(+row.dataset.peak, "y", true);
      u.ctx.beginPath();
      u.ctx.moveTo(u.bbox.left, y);
      u.ctx.lineTo(u.bbox.left + u.bbox.width, y);
      u.ctx.stroke();
    }
    u.ctx.restore();
  };
  const xs = Array.from({ length: 2 * columns }, (_, i) => seconds(i / 2));
  const isChosen = (name) => { const one = all(".reading input[type=checkbox]").find((input) => input.value === name); return !one || one.checked; };
  const charts = all("figure").map((figure, number) => {
    const top = +figure.dataset.top, rows = all(".legend li", figure);
    const series = rows.map((row, i) => {
      const line = row.querySelector(".line"), name = row.dataset.name;
      const dashes = style(line).strokeDasharray;
      return {
        name, output: row.querySelector("output"), said: row.querySelector("output").textContent, row,
        values: decode($("c" + number + "-" + i).getAttribute("d"), top),
        stroke: () => isChosen(name) ? style(line).stroke : style(document.documentElement).getPropertyValue("--others"),
        dash: dashes === "none" ? [] : dashes.split(",").map(parseFloat),
      };
    });
    const ink = () => style(document.documentElement).getPropertyValue("--soft");
    const grid = { stroke: () => style(document.documentElement).getPropertyValue("--line"), width: 1 };
    const plot = new uPlot({
      width: stage.clientWidth, height: tall + 36, padding: [8, MARGIN, 0, 0], legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { x: true, y: false } },
      scales: { x: { time: false }, y: { range: [0, top] } },
      axes: [
        { stroke: ink, grid: { show: false }, ticks: { show: false }, size: 28, space: 80, incrs: STEPS, values: (u, ticks, i, space, step) => ticks.map((t) => label(t, step)) },
        { stroke: ink, grid, ticks: { show: false }, size: GUTTER, splits: [0, top / 2, top] },
      ],
      series: [{}, ...series.map(({ stroke, dash }) => ({ stroke, dash, width: 1.7, spanGaps: false, points: { show: false }, paths: uPlot.paths.stepped({ align: 1 }) }))],
      hooks: {
        drawClear: [shade],
        draw: [peaks(series)],
        setScale: [(u, key) => { if (key === "x") look((u.scales.x.min - start) / (end - start) * columns, (u.scales.x.max - start) / (end - start) * columns); }],
      },
    }, [xs, ...series.map((one) => one.values)], figure.querySelector(".drawing"));
    return { plot, series, top, digits: +figure.dataset.digits, title: figure.querySelector("figcaption").textContent };
  });

  // what happened, of all lanes in order of time
  const events = all(".event").map((group) => ({ x: +group.dataset.x, text: group.querySelector("title").textContent, name: group.closest(".lane").querySelector("strong").textContent }))
    .sort((a, b) => a.x - b.x);

  const NS = "http://www.w3.org/2000/svg";
  const cursors = lanes.map((plot) => {
    const line = plot.appendChild(document.createElementNS(NS, "path"));
    line.setAttribute("class", "cursor");
    return line;
  });
  function read(column) {
    at = Math.max(0, Math.min(columns - 1, Math.floor(column)));
    const t = seconds(column), said = [];
    for (const line of cursors) line.setAttribute("d", `M${column.toFixed(1)} 0v100`);
    for (const { plot, series, digits, title } of charts) {
      plot.setCursor({ left: plot.valToPos(t, "x"), top: 0 }, false);
      const words = series.map(({ name, values, output }) => {
        const pair = [values[2 * at], values[2 * at + 1]].filter((v) => v !== null).map((v) => +v.toFixed(digits));
        const [low, high] = [Math.min(...pair), Math.max(...pair)];
        output.textContent = !pair.length ? "no value" : low === high ? low : `${low} to ${high}`;
        return isChosen(name) ? `${name} ${output.textContent}` : "";
      });
      said.push(`${title}: ${words.filter(Boolean).join(", ")}`);
    }
    const close = (to - from) / 150;
    const near = events.filter(({ x }) => Math.abs(x - column) <= close);
    $("told").textContent = near.slice(0, 6).map(({ name, text }) => `${name}: ${text.replaceAll("\n", "; ")}`).join(" · ") + (near.length > 6 ? ` · ${near.length - 6} more` : "");
    $("when").value = at;
    $("now").textContent = clock(t);
    $("when").setAttribute("aria-valuetext", `${clock(t)}. ${said.join(". ")}`);
  }
  function leave() {
    for (const { series, plot } of charts) {
      plot.setCursor({ left: -10, top: -10 }, false);
      for (const { output, said } of series) output.textContent = said;
    }
    for (const line of cursors) line.removeAttribute("d");
    $("now").textContent = $("told").textContent = "";
  }

  let looking = false;
  function look(a, b) {
    if (looking || !(b > a)) return;
    looking = true;
    [from, to] = [Math.max(0, a), Math.min(columns, b)];
    const first = seconds(from), last = seconds(to);
    for (const { plot } of charts) plot.setScale("x", { min: first, max: last });
    for (const plot of lanes) plot.setAttribute("viewBox", `${from} 0 ${to - from} 100`);
    box.classList.toggle("closer", from > 0 || to < columns - 1);
    const step = STEPS.find((s) => (last - first) / s <= 9) || STEPS.at(-1), shown = [];
    for (let t = Math.ceil(first / step - 1e-9) * step; t <= last + 1e-9; t += step)
      shown.push(`<text x="${100 * (t - first) / (last - first)}%" y="14">${label(t, step)}</text>`);
    for (const group of all(".axis .ticks")) group.innerHTML = shown.join("");
    looking = false;
  }

  stage.addEventListener("pointermove", (event) => {
    const { left, width } = stage.getBoundingClientRect();
    const share = (event.clientX - left - GUTTER) / (width - GUTTER - MARGIN);
    read(from + Math.max(0, Math.min(1, share)) * (to - from));
  });
  stage.addEventListener("pointerleave", leave);
  $("when").addEventListener("input", () => {
    const column = +$("when").value, width = to - from;
    if (column < from || column > to) look(...(column < from ? [column, column + width] : [column - width, column]));
    read(column);
  });
  $("before").onclick = () => { const one = events.findLast(({ x }) => x < at - 0.5); if (one) read(one.x); };
  $("after").onclick = () => { const one = events.find(({ x }) => x >= at + 1); if (one) read(one.x); };
  $("closer").onclick = () => { const half = (to - from) / 4; look(at - half, at + half); };
  $("whole").onclick = () => look(0, columns);
  const redraw = () => {
    for (const { plot, series } of charts) {
      for (const { name, row } of series) row.classList.toggle("grey", !isChosen(name));
      plot.redraw(false);
    }
  };
  for (const input of all(".reading input[type=checkbox]")) input.onchange = redraw;
  matchMedia("(prefers-color-scheme:dark)").addEventListener("change", redraw);
  new ResizeObserver(() => { for (const { plot } of charts) plot.setSize({ width: stage.clientWidth, height: tall + 36 }); }).observe(stage);
  addEventListener("beforeprint", () => {
    leave();
    look(0, columns);
    for (const one of document.querySelectorAll("details:not(.fold)")) one.open = true;
  });
  for (const one of all(".live", box.parentNode)) one.hidden = false;
  box.classList.add("drawn");
  redraw();
})();
