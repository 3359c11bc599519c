/** What the server has done in the last day, in numbers and a picture. */

import { atHour, exactly, figure, words } from "./admin-words.js";
import { barChart } from "./bar-chart.js";
import { h, more, paragraph, part } from "./elements.js";
import { actionButton } from "./form.js";

const text = words.overview;

export async function overviewView(page, shown) {
  const state = await page.client.request("GET", "/api/admin/dashboard");
  return {
    heading: text.heading,
    wide: true,
    content: [
      h(
        "div",
        { class: "top" },
        h("div", {}, h("h1", {}, text.heading), paragraph(text.updated(exactly(state.countedAt)), "note")),
        h("div", { class: "actions" }, actionButton(text.refresh, words.loading, () => page.again())),
      ),
      h("dl", { class: "tiles" }, ...tilesOf(state).map(tile)),
      signInsCard(state.signIns, shown),
      limitsCard(state),
    ],
  };
}

/** The numbers, each with a remark. One that took too long to count is null. */
function tilesOf({ users, sessionsAlive, mailsWaiting, mailsFailed, hashQueue, limitsHit, workers }) {
  const ofOne = workers > 1 ? text.ofOneWorker(workers) : "";
  return [
    [text.users, users],
    [text.sessionsAlive, sessionsAlive],
    [text.hashQueue, hashQueue.pending, [text.most(hashQueue.most), ofOne].filter(Boolean).join(", ")],
    [text.limitsHit, sum(Object.values(limitsHit)), ofOne],
    [text.mailsWaiting, mailsWaiting],
    [text.mailsFailed, mailsFailed],
  ];
}

const tile = ([term, value, remark]) =>
  h(
    "div",
    { class: "tile" },
    h("dt", {}, term),
    h("dd", { class: "figure" }, value === null ? "–" : figure(value)),
    (remark || value === null) && h("dd", { class: "note" }, value === null ? text.uncounted : remark),
  );

function signInsCard(hours, shown) {
  if (hours.length === 0) return part("sign-ins", text.signIns, paragraph(text.signInsUncounted, "note"));
  const outcomes = outcomesOf(hours);
  const nameOf = (outcome) => text.outcomes[outcome] ?? outcome;
  const totals = outcomes.map((outcome) => [outcome, sum(hours.map((each) => each[outcome]))]);
  const busiest = hours.reduce((most, each) => (totalOf(each, outcomes) > totalOf(most, outcomes) ? each : most), hours[0]);
  if (sum(totals.map(([, count]) => count)) === 0) {
    return part("sign-ins", text.signIns, paragraph(text.none(hours.length), "note"));
  }
  const parts = totals.map(([outcome, count]) => text.outcome(count, nameOf(outcome)));
  const summary = [
    text.signInsText(hours.length, parts.join(", ")),
    text.busiest(totalOf(busiest, outcomes), atHour(busiest.hour)),
  ].join(" ");
  return part(
    "sign-ins",
    text.signIns,
    paragraph(summary, "lead"),
    h(
      "ul",
      { class: "legend" },
      ...totals.map(([outcome], index) => h("li", { class: `series-${index}` }, nameOf(outcome))),
    ),
    barChart({
      title: text.signIns,
      description: summary,
      bars: hours.map((each) => ({
        label: atHour(each.hour),
        values: outcomes.map((outcome) => each[outcome]),
        title: [atHour(each.hour), ...outcomes.map((outcome) => text.outcome(each[outcome], nameOf(outcome)))].join("\n"),
      })),
      shown,
    }),
    more(
      text.table,
      numbers(
        text.signIns,
        [text.hour, ...outcomes.map(nameOf)],
        hours.map((each) => [atHour(each.hour), ...outcomes.map((outcome) => each[outcome])]),
      ),
    ),
  );
}

/** What a sign-in can end with, in the order of the server. */
const outcomesOf = ([first = {}]) => Object.keys(first).filter((name) => typeof first[name] === "number");

function limitsCard({ limitsHit, workers }) {
  const hit = Object.entries(limitsHit).filter(([, count]) => count > 0);
  return part(
    "limits",
    text.limits,
    paragraph(text.limitsText(workers), "note"),
    hit.length > 0
      ? numbers(
          text.limits,
          [text.limit, text.count],
          hit.sort(([, one], [, other]) => other - one),
        )
      : paragraph(text.noLimits, "note"),
  );
}

/** A table of numbers: the first cell of a row names it. */
const numbers = (caption, heads, rows) =>
  h(
    "div",
    { class: "numbers", tabIndex: 0, role: "region", "aria-label": text.numbersOf(caption) },
    h(
      "table",
      {},
      h("caption", { class: "unseen" }, caption),
      h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", { scope: "col" }, head)))),
      h(
        "tbody",
        {},
        ...rows.map(([name, ...values]) =>
          h("tr", {}, h("th", { scope: "row" }, name), ...values.map((value) => h("td", {}, figure(value)))),
        ),
      ),
    ),
  );

const sum = (values) => values.reduce((total, value) => total + value, 0);
const totalOf = (hour, outcomes) => sum(outcomes.map((outcome) => hour?.[outcome] ?? 0));
