(function () {
  "use strict";
  var box = document.querySelector(".plots");
  if (!box) return;
  var d = box.dataset, columns = +d.columns, height = +d.height;
  var start = +d.start, end = +d.end, left = +d.left, width = +d.width;
  var from = 0, to = columns;  // the columns in view
  var stage = box.querySelector(".stage"), tip = box.querySelector(".tip");
  var plots = Array.prototype.slice.call(box.querySelectorAll("svg.plot"));
  var NS = "http://www.w3.org/2000/svg";
  var STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 432000, 864000];
  box.parentNode.querySelectorAll(".live").forEach(function (one) { one.hidden = false; });

  // a staircase back to the smallest and largest y of each column
  function decode(path) {
    var low = new Array(columns).fill(null), high = new Array(columns).fill(null);
    var x = 0, y = 0, token, pattern = /([Mhv])(-?\d+)(?: (-?\d+))?/g;
    function see(at, value) {
      if (at >= columns) return;
      if (low[at] === null || value > low[at]) low[at] = value;
      if (high[at] === null || value < high[at]) high[at] = value;
    }
    while ((token = pattern.exec(path))) {
      if (token[1] === "M") { x = +token[2]; y = +token[3]; see(x, y); }
      else if (token[1] === "v") { y += +token[2]; see(x, y); }
      else for (var k = +token[2]; k > 0; k--) { see(x, y); x++; }
    }
    return { low: low, high: high };
  }
  var read = new Map();
  function values(line) {
    if (!read.has(line)) read.set(line, decode(line.getAttribute("d")));
    return read.get(line);
  }

  function two(n) { return (n < 10 ? "0" : "") + n; }
  function clock(t) {
    t = Math.floor(t + 1e-6);
    return two(Math.floor(t / 3600)) + ":" + two(Math.floor(t / 60) % 60) + ":" + two(t % 60);
  }
  function label(t, step) {
    if (step >= 86400) return t / 86400 + " d";
    return step % 60 ? clock(t) : clock(t).slice(0, -3);
  }
  function number(y, top, digits) { return +((1 - y / height) * top).toFixed(digits); }

  function place(event) {  // the column under the pointer
    var r = stage.getBoundingClientRect(), scale = r.width / 1000;
    var share = ((event.clientX - r.left) / scale - left) / width;
    return from + Math.max(0, Math.min(1, share)) * (to - from);
  }

  var cursors = plots.map(function (plot) {
    var line = document.createElementNS(NS, "path");
    line.setAttribute("class", "cursor");
    line.style.display = "none";
    plot.appendChild(line);
    return line;
  });
  function point(event) {
    var x = place(event), t = start + (end - start) * x / columns;
    cursors.forEach(function (line) {
      line.style.display = "";
      line.setAttribute("d", "M" + x.toFixed(1) + " 0v" + height);
    });
    box.querySelectorAll("figure").forEach(function (figure) {
      var chart = figure.querySelector("svg.chart"), told = [];
      figure.querySelectorAll("path.line").forEach(function (line) {
        var at = Math.min(columns - 1, Math.floor(x)), found = values(line);
        var text = "no value";
        if (found.low[at] !== null) {
          var a = number(found.low[at], +chart.dataset.top, +chart.dataset.digits);
          var b = number(found.high[at], +chart.dataset.top, +chart.dataset.digits);
          text = a === b ? "" + a : a + " to " + b;
        }
        told.push(line.dataset.name + " " + text);
      });
      figure.querySelector(".readout").textContent = clock(t) + "   " + told.join(" · ");
    });
  }
  function leave() {
    cursors.forEach(function (line) { line.style.display = "none"; });
    box.querySelectorAll(".readout").forEach(function (one) { one.textContent = ""; });
    tip.hidden = true;
  }

  // titles are for readers without scripts: here they become a tip that appears at once
  box.querySelectorAll(".event").forEach(function (group) {
    var title = group.querySelector("title"), text = title.textContent;
    group.setAttribute("aria-label", text);
    title.remove();
    group.addEventListener("pointerenter", function (event) {
      var r = box.getBoundingClientRect();
      tip.textContent = text;
      tip.hidden = false;
      tip.style.top = event.clientY - r.top + 18 + "px";
      tip.style.left = Math.max(0, Math.min(event.clientX - r.left - 20, r.width - tip.offsetWidth)) + "px";
    });
    group.addEventListener("pointerleave", function () { tip.hidden = true; });
  });

  function view(a, b) {
    from = a; to = b;
    plots.forEach(function (plot) {
      var old = plot.getAttribute("viewBox").split(" ");
      plot.setAttribute("viewBox", a + " " + old[1] + " " + (b - a) + " " + old[3]);
    });
    var whole = a === 0 && b === columns;
    box.querySelectorAll(".names").forEach(function (one) { one.style.display = whole ? "" : "none"; });
    var first = start + (end - start) * a / columns, last = start + (end - start) * b / columns;
    var step = STEPS.find(function (s) { return (last - first) / s <= 9; }) || STEPS[STEPS.length - 1];
    box.querySelectorAll(".ticks").forEach(function (group) {
      group.textContent = "";
      for (var k = Math.ceil(first / step - 1e-9); k * step <= last + 1e-9; k++) {
        var text = document.createElementNS(NS, "text");
        text.setAttribute("x", left + width * (k * step - first) / (last - first));
        text.setAttribute("y", 14);
        text.textContent = label(k * step, step);
        group.appendChild(text);
      }
    });
  }

  var began = null, chosen = [];
  stage.addEventListener("pointermove", function (event) {
    point(event);
    if (began === null) return;
    var x = place(event);
    chosen.forEach(function (one) {
      one.setAttribute("x", Math.min(began, x));
      one.setAttribute("width", Math.abs(x - began));
    });
  });
  stage.addEventListener("pointerleave", leave);
  stage.addEventListener("pointerdown", function (event) {
    if (event.button !== 0 || event.pointerType === "touch") return;
    began = place(event);
    chosen = plots.map(function (plot) {
      var mark = document.createElementNS(NS, "rect");
      mark.setAttribute("class", "chosen");
      mark.setAttribute("y", 0);
      mark.setAttribute("height", height);
      mark.setAttribute("width", 0);
      plot.appendChild(mark);
      return mark;
    });
    event.preventDefault();
  });
  window.addEventListener("pointerup", function (event) {
    if (began === null) return;
    var a = Math.min(began, place(event)), b = Math.max(began, place(event));
    chosen.forEach(function (one) { one.remove(); });
    began = null;
    if (b - a > 4) view(a, b);
  });
  stage.addEventListener("dblclick", function () { view(0, columns); });
  window.addEventListener("beforeprint", function () {
    view(0, columns);
    document.querySelectorAll("details").forEach(function (one) { one.open = true; });
  });
})();
