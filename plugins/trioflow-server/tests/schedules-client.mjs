// Drives the schedules of Mastra's client (folder CLIENT_DIR) at the server with the address in the
// first argument, and fails at the first answer that its type declarations do not allow.
import assert from 'node:assert/strict';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const index = path.join(process.env.CLIENT_DIR, 'node_modules/@mastra/client-js/dist/index.js');
const { MastraClient } = await import(pathToFileURL(index).href);
const client = new MastraClient({ baseUrl: process.argv[2], retries: 0 });
const refused = async promise => {
  try { await promise; } catch (error) { return error.status; }
  return 200;
};
const checked = schedule => {
  for (const name of ['id', 'workflowId', 'cron']) assert.equal(typeof schedule[name], 'string');
  for (const name of ['nextFireAt', 'createdAt', 'updatedAt']) assert.equal(typeof schedule[name], 'number');
  assert.ok(['active', 'paused'].includes(schedule.status));
  return schedule;
};

const inputData = { name: 'Ada' };
const given = { id: 'nightly', workflowId: 'greet', cron: '30 2 * * *', timezone: 'Europe/Berlin', inputData };
const created = checked(await client.createSchedule(given));
for (const [name, value] of Object.entries(given)) assert.deepEqual(created[name], value, name);
assert.equal(await refused(client.createSchedule(given)), 409);
assert.equal(await refused(client.createSchedule({ ...given, id: 'other', cron: 'soon' })), 400);
assert.equal(await refused(client.getSchedule('nobody')), 404);
const anonymous = checked(await client.createSchedule({ ...given, id: undefined }));
assert.match(anonymous.id, /^schedule_/);
assert.deepEqual(checked(await client.getSchedule('nightly')), created);

const { schedules } = await client.listSchedules({ workflowId: 'greet', status: 'active' });
assert.deepEqual(schedules.map(each => checked(each).id).sort(), ['nightly', anonymous.id].sort());
assert.deepEqual((await client.listSchedules({ status: 'paused' })).schedules, []);
assert.deepEqual((await client.listSchedules({ agentId: 'none' })).schedules, []);

assert.equal(checked(await client.pauseSchedule('nightly')).status, 'paused');
assert.equal((await client.pauseSchedule('nightly')).status, 'paused');
assert.equal(checked(await client.resumeSchedule('nightly')).status, 'active');
const changed = checked(await client.updateSchedule('nightly', { cron: '0 4 * * *', timezone: 'UTC' }));
assert.equal(new Date(changed.nextFireAt).getUTCHours(), 4);
assert.equal((await client.updateSchedule('nightly', { status: 'paused' })).status, 'paused');

const run = await client.runSchedule('nightly');
assert.equal(run.scheduleId, 'nightly');
assert.equal(typeof run.claimId, 'string');
let triggers = [];
for (let tries = 0; tries < 200 && triggers[0]?.run?.status !== 'success'; tries++) {
  ({ triggers } = await client.listScheduleTriggers('nightly', { limit: 5 }));
  await new Promise(resolve => setTimeout(resolve, 25));
}
assert.equal(triggers.length, 1);
const [trigger] = triggers;
assert.equal(trigger.runId, run.claimId);
assert.equal(trigger.scheduleId, 'nightly');
assert.equal(trigger.outcome, 'published');
assert.equal(trigger.triggerKind, 'manual');
assert.equal(trigger.run.status, 'success');
assert.equal(typeof trigger.run.durationMs, 'number');
assert.equal((await client.getSchedule('nightly')).lastRunId, run.claimId);
const later = { fromActualFireAt: trigger.actualFireAt + 1 };
assert.deepEqual((await client.listScheduleTriggers('nightly', later)).triggers, []);

await client.deleteSchedule('nightly');
await client.deleteSchedule(anonymous.id);
assert.equal(await refused(client.getSchedule('nightly')), 404);
assert.deepEqual((await client.listSchedules()).schedules, []);
console.log('done');
