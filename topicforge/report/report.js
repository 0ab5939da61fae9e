"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { said, topics, words, p, lists, documents, figures } = data;
  const byId = (id) => document.getElementById(id);
  const say = (key, values = {}) => said[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const percent = (x) => (x === null ? "" : `${(100 * x).toFixed(x < 0.0995 ? 1 : 0)}\u00a0%`);
  const number = (x) => (typeof x === "number" && !Number.isInteger(x) ? String(Number(x.toPrecision(4))) : String(x ?? ""));
  const count = (x) => x.toLocaleString(document.documentElement.lang);

  /* ---- elements; every text goes in as text ------------------------------------------ */

  function element(name, text, attributes = {}, children = []) {
    const made = document.createElement(name);
    if (text !== null && text !== undefined) made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) {
      if (key === "onclick") made.addEventListener("click", value);
      else made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
  }

  function fillTable(table, caption, columns, rows) {
    const cell = (value) => {
      if (value instanceof Node) return element("td", null, {}, [value]);
      if (typeof value === "number") return element("td", number(value), { class: "number" });
      return element("td", value, { dir: "auto", class: /\n/.test(value ?? "") ? "lines" : "" });
    };
    table.replaceChildren(
      ...(caption ? [element("caption", caption)] : []),
      element("thead", null, {}, [element("tr", null, {}, columns.map((c) => element("th", c, { scope: "col" })))]),
      element("tbody", null, {}, rows.map((row) => element("tr", null, {}, row.map(cell)))),
    );
    return table;
  }

  const topicName = new Map(topics.map((row) => [row.topic, `${row.topic} ${row.label}`]));
  const topicLink = (k, text) =>
    element("button", text ?? topicName.get(k) ?? String(k), { type: "button", class: "link", dir: "auto", onclick: () => choose(k, true) });

  /* ---- figures ------------------------------------------------------------------------ */

  const dark = () => getComputedStyle(document.documentElement).getPropertyValue("--page").trim() !== "#ffffff";
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const narrow = () => window.innerWidth < 700;
  const shorten = (text, most) => (narrow() && text.length > most ? `${text.slice(0, most - 1)}…` : text);

  /** A copy of a trace as the theme needs it: black lines are white on black. */
  function themed(trace) {
    const copy = JSON.parse(JSON.stringify(trace));
    for (const part of [copy.line, copy.marker]) {
      if (part && part.color === "#000000" && dark()) part.color = "#ffffff";
    }
    if (copy.name) copy.name = shorten(said[copy.name] ?? copy.name, 24);
    if (copy.colorbar && copy.z.length > 30) Object.assign(copy.colorbar, { len: 500, lenmode: "pixels", y: 1, yanchor: "top" });
    if (copy.type === "scatter" && /text/.test(copy.mode)) copy.textfont = { color: colour("--text") };
    return copy;
  }

  function layoutOf(figure) {
    const layout = JSON.parse(JSON.stringify(figure.layout));
    Object.assign(layout, {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", autosize: true,
      font: { color: colour("--text"), family: getComputedStyle(document.body).fontFamily, size: 12 },
      height: narrow() && layout.xaxis?.visible === false ? 400 : (layout.height ?? 480),
      margin: { t: 10, r: 10, b: 45, l: layout.xaxis?.visible === false ? 10 : 55 },
    });
    for (const axis of [layout.xaxis, layout.yaxis]) {
      axis.gridcolor = colour("--line");
      axis.zerolinecolor = colour("--line");
      if (axis.title) axis.title.text = said[axis.title.text] ?? axis.title.text;
      if (axis.ticktext) axis.ticktext = axis.ticktext.map((text) => shorten(text, 16));
    }
    if (layout.showlegend !== undefined || layout.legend) {
      layout.legend = narrow() || layout.legend ? { orientation: "h", y: 1.01, yanchor: "bottom", x: 0 } : { y: 0.5 };
      layout.hoverlabel = { namelength: -1 };
    }
    return layout;
  }

  /** Names of rows and columns become short on a narrow screen, where they would fill it. */
  function shortHeatmap(trace) {
    if (trace.type !== "heatmap") return trace;
    trace.hovertemplate = "%{y}<br>%{x}<br>%{z}<extra></extra>";
    trace.colorbar.title.text = said[trace.colorbar.title.text] ?? trace.colorbar.title.text;
    trace.colorbar.thickness = 14;
    if (narrow()) for (const side of ["x", "y"]) trace[side] = trace[side].map((text, i) => (text.length > 12 ? `${text.slice(0, 11)}…${"\u200b".repeat(i)}` : text));
    return trace;
  }

  function draw(name) {
    const target = document.querySelector(`[data-figure="${name}"] > .plot`);
    const figure = figures[name];
    if (!figure) return; // every topic is hidden
    Plotly.react(target, figure.data.map(themed).map(shortHeatmap), layoutOf(figure), {
      responsive: true, displaylogo: false, displayModeBar: false,
    });
  }

  /** What the columns of a figure's table are. */
  function headsOf({ data: [trace], layout }) {
    const told = (title, otherwise) => said[title?.text] ?? title?.text ?? otherwise;
    if (trace?.type === "heatmap") return [said.row, said.column, told(trace.colorbar.title, "z")];
    return [said.name, told(layout.xaxis.title, "x"), told(layout.yaxis.title, "y")];
  }

  /** The numbers behind a figure, whatever its kind. */
  function rowsOf(figure) {
    const rows = [];
    for (const trace of figure.data) {
      if (trace.type === "heatmap") {
        trace.y.forEach((y, i) => trace.x.forEach((x, j) => trace.z[i][j] !== null && rows.push([y, x, trace.z[i][j]])));
      } else {
        trace.x.forEach((x, i) => x !== null && rows.push([plain(said[trace.name] ?? trace.name ?? trace.hovertext?.[i] ?? ""), x, trace.y[i]]));
      }
    }
    return rows;
  }
  const entities = { "&lt;": "<", "&gt;": ">", "&amp;": "&" };
  const plain = (text) => (typeof text === "string" ? text.replace(/&(lt|gt|amp);/g, (found) => entities[found]) : text);

  function prepare(holder) {
    const name = holder.dataset.figure;
    const title = holder.dataset.name;
    const picture = (format) =>
      element("button", say("picture", { format: format.toUpperCase() }), {
        type: "button", "aria-label": `${title}: ${say("picture", { format: format.toUpperCase() })}`,
        onclick: () => Plotly.downloadImage(holder.querySelector(".plot"), { format, filename: `topicforge-${name}`, scale: 2 }),
      });
    const table = element("table");
    const details = element("details", null, {}, [
      element("summary", say("as_table"), { "aria-label": `${title}: ${say("as_table")}` }),
      element("div", null, { class: "wide", tabindex: "0", role: "region", "aria-label": title }, [table]),
    ]);
    const fill = () => details.open && fillTable(table, title, headsOf(figures[name]), rowsOf(figures[name]).map((row) => row.map(plain)));
    details.addEventListener("toggle", fill);
    holder.append(
      element("div", null, { class: "plot", role: "img", "aria-label": title }),
      element("div", null, { class: "tools" }, [picture("png"), picture("svg"), details]),
    );
    holder.refresh = fill;
  }

  /* ---- documents ---------------------------------------------------------------------- */

  const escaped = (word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const ideographs = /[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]/;

  /** Words as one expression; letters beside a word make it another one, but not in Chinese and Japanese. */
  function expression(list) {
    const one = (word) => {
      const body = escaped(word).replace(/_/g, "[_\\s]?");
      return ideographs.test(word) ? body : `(?<![\\p{L}\\p{N}])${body}(?![\\p{L}\\p{N}])`;
    };
    return new RegExp([...list].sort((a, b) => b.length - a.length).map(one).join("|"), "giu");
  }

  function marked(text, weights, query) {
    const holder = element("p", null, { dir: "auto" });
    const found = [];
    if (weights.size) {
      for (const hit of text.matchAll(expression(weights.keys()))) {
        const key = hit[0].toLowerCase();
        const weight = weights.get(hit[0]) ?? weights.get(key) ?? weights.get(key.replace(/\s/g, "_")) ?? 0.3;
        found.push([hit.index, hit[0].length, weight]);
      }
    }
    if (query) {
      const lower = text.toLowerCase();
      for (let at = lower.indexOf(query); at >= 0; at = lower.indexOf(query, at + query.length)) found.push([at, query.length, null]);
    }
    found.sort((a, b) => a[0] - b[0]);
    let end = 0;
    for (const [at, length, weight] of found) {
      if (at < end) continue;
      holder.append(text.slice(end, at));
      const mark = element("mark", text.slice(at, at + length), weight === null ? { class: "hit" } : {});
      if (weight !== null) mark.style.setProperty("--weight", (0.15 + 0.55 * weight).toFixed(2));
      holder.append(mark);
      end = at + length;
    }
    holder.append(text.slice(end));
    return holder;
  }

  const share = new Map(topics.map((row) => [row.topic, row.share ?? 0]));

  /** p(k | w) of the words of a topic's list: how much a word speaks for it. */
  const inTopics = words.map(() => 0);
  lists.forEach((list, k) => list.w.forEach((w, i) => (inTopics[w] += (share.get(k) ?? 0) * list.p[i])));
  function weightsOf(k) {
    const list = lists[k];
    return new Map(list.w.map((w, i) => [words[w], inTopics[w] ? ((share.get(k) ?? 0) * list.p[i]) / inTopics[w] : 0]));
  }

  function documentItem(at, k, query) {
    const label = documents.label?.[at];
    const where = element("div", null, { class: "where" }, [
      element("span", say("document", { number: documents.number[at] })),
      ...(label ? [element("span", label, { dir: "auto" })] : []),
      ...documents.topics[at].map((topic, i) => element("span", null, {}, [topicLink(topic), ` ${percent(documents.shares[at][i])}`])),
    ]);
    return element("li", null, {}, [where, marked(documents.text[at], weightsOf(k ?? documents.topics[at][0]), query)]);
  }

  /* ---- a topic ------------------------------------------------------------------------ */

  let chosen = topics.length ? topics[0].topic : 0;
  let lambda = 0.6;

  function relevant(k) {
    const { w, p: given } = lists[k];
    const floor = 1e-38;
    return w
      .map((word, i) => ({ word, given: given[i], relevance: Math.log(Math.max(given[i], floor)) - (1 - lambda) * Math.log(p[word]) }))
      .sort((a, b) => b.relevance - a.relevance)
      .slice(0, narrow() ? 15 : 30);
  }

  const markup = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

  function showWords() {
    const best = relevant(chosen);
    const names = best.map((one) => markup(words[one.word]));
    const bar = { type: "bar", orientation: "h", y: names };
    figures.words = {
      data: [
        { ...bar, name: "in the topic", x: best.map((one) => one.given), marker: { color: "#0072b2" } },
        { ...bar, name: "in the corpus", x: best.map((one) => p[one.word]), marker: { color: "#e69f00" } },
      ],
      layout: {
        barmode: "group", height: 110 + 16 * best.length, bargap: 0.25, legend: { orientation: "h" },
        xaxis: { title: { text: "p(word)" }, rangemode: "tozero", nticks: 5 },
        yaxis: { autorange: "reversed", type: "category", automargin: true, tickmode: "linear" },
      },
    };
    const holder = document.querySelector('[data-figure="words"]');
    holder.refresh();
    draw("words");
    holder.querySelector(".plot").setAttribute("aria-label", `${holder.dataset.name}: ${best.slice(0, 10).map((one) => words[one.word]).join(", ")}`);
  }

  function choose(k, scroll) {
    const row = topics.find((one) => one.topic === k);
    if (!row) return; // it is hidden
    chosen = k;
    byId("topic").value = String(k);
    const facts = [say("share", { share: percent(row.share) }), say("size", { size: count(row.size ?? 0) })];
    if (row.coherence !== null) facts.push(say("coherence", { value: row.coherence.toFixed(2) }));
    if (row.nearest !== null) facts.push(say("nearest", { topic: topicName.get(row.nearest) ?? row.nearest }));
    if (row.state) facts.push(row.state === "dead" ? said.dead : say("duplicate", { topic: row.state.split(" ").pop() }));
    byId("state").textContent = facts.join(" · ");
    const discs = figures.topics.data[0];
    discs.marker.color = discs.customdata.map((topic) => (topic === k ? "#d55e00" : "#0072b2"));
    draw("topics");
    showWords();
    byId("of-topic").replaceChildren(...data.of_topics[k].map((at) => documentItem(at, k)));
    if (scroll) {
      byId("explore").scrollIntoView();
      byId("topic").focus({ preventScroll: true });
    }
  }

  /* ---- search ------------------------------------------------------------------------- */

  const folded = documents.text.map((text) => text.toLowerCase());

  function search() {
    const query = byId("query").value.normalize("NFC").trim().toLowerCase();
    const wordHits = new Map();
    if (query) {
      lists.forEach((list, k) => list.w.forEach((w, i) => {
        if (topicName.has(k) && words[w].toLowerCase().replace(/_/g, " ").includes(query)) {
          const before = wordHits.get(k);
          if (!before || before.p < list.p[i]) wordHits.set(k, { p: list.p[i], word: words[w] });
        }
      }));
    }
    const hits = query ? folded.flatMap((text, at) => (text.includes(query) ? [at] : [])) : [];
    const topicHits = [...wordHits].sort((a, b) => b[1].p - a[1].p).slice(0, 20);
    byId("found").textContent = query
      ? say("found", { topics: count(wordHits.size), documents: count(hits.length), of: count(documents.text.length) }) + (hits.length > 50 ? ` ${said.first}` : "")
      : "";
    byId("found-topics").replaceChildren(...topicHits.map(([k, hit]) => element("li", null, {}, [topicLink(k), ` (${hit.word})`])));
    byId("found-documents").replaceChildren(...hits.slice(0, 50).map((at) => documentItem(at, null, query)));
  }

  /* ---- the page ----------------------------------------------------------------------- */

  const { about } = data;
  byId("about").textContent = [
    say("about", { topics: count(about.topics), documents: count(about.documents), words: count(about.words), corpus: about.corpus }),
    about.shown < about.documents ? say("sampled", { shown: count(about.shown) }) : "",
    about.texts ? "" : said.no_texts,
    about.unfinished ? said.unfinished : "",
    say("created", { created: about.created }),
  ].filter(Boolean).join(" ");

  for (const holder of document.querySelectorAll(".figure")) {
    const name = holder.dataset.figure;
    if (name === "words" || figures[name]) prepare(holder);
    else holder.closest("section").remove();
  }
  byId("nav").append(
    ...[...document.querySelectorAll("main > section")].map((section) => {
      const heading = section.querySelector("h2");
      heading.id = `${section.id}-heading`;
      section.setAttribute("aria-labelledby", heading.id);
      return element("li", null, {}, [element("a", heading.textContent, { href: `#${section.id}` })]);
    }),
  );

  byId("topic").append(...topics.map((row) => element("option", topicName.get(row.topic), { value: row.topic })));
  byId("topic").addEventListener("change", (event) => choose(Number(event.target.value)));
  const step = (by) => {
    const at = topics.findIndex((row) => row.topic === chosen);
    choose(topics[(at + by + topics.length) % topics.length].topic);
  };
  byId("before").addEventListener("click", () => step(-1));
  byId("after").addEventListener("click", () => step(1));
  byId("lambda").addEventListener("input", (event) => {
    lambda = Number(event.target.value);
    byId("lambda-value").textContent = lambda.toFixed(1);
    showWords();
  });
  let waiting;
  byId("query").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(search, 150);
  });

  fillTable(
    byId("topic-table"), null, said.topic_columns,
    topics.map((row) => [
      topicLink(row.topic, String(row.topic)), row.label, percent(row.share), row.size, row.words.join(" "),
      row.coherence === null ? "" : Number(row.coherence.toFixed(3)),
      row.nearest === null ? "" : `${row.nearest} (${row.similarity.toFixed(2)})`, row.state,
    ]),
  );
  fillTable(
    byId("score-table"), null, said.score_columns,
    data.scores.map((score) => [
      score.name, score.value ?? "", score.reference ?? "", score.top ?? "", String(score.window ?? ""), score.rule, score.source,
    ]),
  );
  fillTable(
    byId("composition-table"), null, said.composition_columns,
    data.composition.map((row) => [said[`part ${row.what}`] ?? row.what, row.name, row.formula ?? "", row.options ?? "", row.source ?? ""]),
  );
  byId("call").textContent = data.reproduce.call;
  fillTable(byId("versions"), null, [said.package, said.version], Object.entries(data.reproduce.versions));

  byId("theme").addEventListener("click", () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    drawAll();
  });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll());

  function drawAll() {
    for (const holder of document.querySelectorAll(".figure")) draw(holder.dataset.figure);
  }
  let wasNarrow = narrow();
  window.addEventListener("resize", () => {
    if (narrow() !== wasNarrow) {
      wasNarrow = narrow();
      showWords();
      drawAll();
    }
  });

  choose(chosen);
  drawAll();
  document.querySelector('[data-figure="topics"] > .plot').on("plotly_click", (event) => choose(event.points[0].customdata));
  document.querySelector('[data-figure="documents"] > .plot')?.on("plotly_click", (event) => {
    byId("one-document").replaceChildren(documentItem(event.points[0].customdata));
  });
})();
