import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { WxCloudStorageService } from 'nestjs-wx-cloud-storage';
import { startApplication } from './application.mjs';
import { FILE_CHECKS } from './checks/file-checks.mjs';
import { OBJECT_CHECKS } from './checks/object-checks.mjs';
import { CONTAINER_FACTS } from './facts/container-facts.mjs';
import { LINK_FACTS } from './facts/link-facts.mjs';
import { describeError } from './report.mjs';

/** The folder of all runs; each way has one of its own in it. */
const FOLDER = 'wx-cloud-storage-live';

/** All open questions. */
export const FACTS = [...CONTAINER_FACTS, ...LINK_FACTS];

/**
 * Runs the checks of one way, and answers the questions that it can answer, in a folder of its own.
 * All its files are deleted at the end.
 * @returns the outcome of each check (its status, time and error), and the answers
 */
export async function runWay(way) {
  const app = await startApplication(way.options);
  const storage = app.get(WxCloudStorageService);
  const fileIds = new Set();
  const track = file => {
    fileIds.add(file.fileId);
    return file;
  };
  const folder = `${FOLDER}/${randomUUID()}`;
  const context = { app, storage, url: await app.getUrl(), folder, track };
  try {
    const outcomes = [];
    for (const { name, run } of checksOf(way)) {
      outcomes.push(await measure(name, () => run(context)));
    }
    const answers = [];
    for (const fact of FACTS.filter(({ isFor }) => isFor(way))) {
      answers.push({ ...fact, way: way.name, answer: await ask(fact, way, context) });
    }
    outcomes.push(await measure('everything is deleted', () => deleteAll(storage, [...fileIds])));
    return { outcomes, answers };
  } finally {
    await app.close();
  }
}

function checksOf({ options }) {
  return options.cos === undefined ? FILE_CHECKS : [...FILE_CHECKS, ...OBJECT_CHECKS];
}

async function ask({ answer }, way, context) {
  return answer(way, context).catch(error => `no answer: ${describeError(error)}`);
}

async function measure(check, run) {
  const startedAt = performance.now();
  const outcome = await run().then(
    () => ({ status: 'ok' }),
    error => ({ status: statusOf(error), error }),
  );
  return { check, ms: Math.round(performance.now() - startedAt), ...outcome };
}

/** An operation that the account or the keys do not allow is no failure of the package. */
function statusOf({ code }) {
  return code === 'WX_CLOUD_UNSUPPORTED' ? 'unsupported' : 'failed';
}

async function deleteAll(storage, fileIds) {
  const outcomes = await storage.deleteMany(fileIds);
  const failed = outcomes.find(({ ok }) => !ok);
  if (failed !== undefined) throw failed.error;
}
