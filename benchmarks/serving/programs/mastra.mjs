// The two workflows on Mastra's own server: node mastra.mjs FOLDER, where its packages are.
// Prints its URL as its first line.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";

const require = createRequire(`${process.argv[2]}/package.json`);
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const { Mastra } = await load("@mastra/core/mastra");
const { createStep, createWorkflow } = await load("@mastra/core/workflows");
const { InMemoryStore } = await load("@mastra/core/storage");
const { createNodeServer } = await load("@mastra/deployer/server");
const { z } = await load("zod");

const now = () => (performance.timeOrigin + performance.now()) / 1000;

const tick = createStep({
  id: "tick",
  inputSchema: z.object({ gate: z.string(), count: z.number(), pause: z.number() }),
  outputSchema: z.number(),
  execute: async ({ inputData, writer }) => {
    while (!existsSync(inputData.gate)) await sleep(10);
    for (let number = 0; number < inputData.count; number++) {
      await writer.write({ tick: number, at: now() });
      if (inputData.pause) await sleep(inputData.pause * 1000);
    }
    return inputData.count;
  },
});
const add = (id) =>
  createStep({
    id,
    inputSchema: z.number(),
    outputSchema: z.number(),
    execute: async ({ inputData }) => inputData + 1,
  });
const workflow = (id, input, ...steps) =>
  steps
    .reduce(
      (made, step) => made.then(step),
      createWorkflow({ id, inputSchema: input, outputSchema: z.number() }),
    )
    .commit();

const mastra = new Mastra({
  workflows: {
    ticks: workflow("ticks", tick.inputSchema, tick),
    sums: workflow("sums", z.number(), add("add"), add("again")),
  },
  storage: new InMemoryStore(),
  logger: false,
  server: { port: 0, host: "127.0.0.1" },
});
const server = await createNodeServer(mastra, { tools: {} });
if (!server.listening) await new Promise((resolve) => server.once("listening", resolve));
console.log(`http://127.0.0.1:${server.address().port}`);
