// Pages before names of the reference, and tasks before all: somebody who searches for "retry" wants
// to know how.
var Scorer = {
  objNameMatch: 4,
  objPartialMatch: 1,
  objPrio: { 0: 2, 1: 1, 2: -3 },
  objPrioDefault: 0,
  title: 25,
  partialTitle: 15,
  term: 5,
  partialTerm: 2,
  score: ([page, , , , score]) => score + (Scorer.parts[page.split("/")[0]] ?? 0),
  parts: { howto: 16, tutorial: 6, concepts: 10, start: 8, cookbook: 4, reference: -12, project: -8 },
};
