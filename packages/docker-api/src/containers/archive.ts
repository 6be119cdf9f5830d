import { codeOf, KraudError, messageOf } from '@kraud/base';
import type { PathStat } from '@kraud/cloud';
import type { Call } from '../call.ts';
import { type Operation, yes } from '../operation.ts';
import { recordPodEvent } from '../record.ts';
import { decompress } from '../wire/decompress.ts';
import { sendAll } from '../wire/flow.ts';

const statHeader = 'X-Docker-Container-Path-Stat';
const pathParam = yes('text');

function pathOf(call: Call): string {
  const path = call.query.text('path');
  if (path === '') throw new KraudError('invalid', 'bad parameter: query parameter "path" cannot be empty');
  return path;
}

/** The guest says what it can't find; which container that is for, only the caller knows. */
async function inContainer<T>(ref: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const text = messageOf(error);
    if (!text.endsWith(' in container')) throw error;
    throw new KraudError(codeOf(error), `${text} ${ref}`, { cause: error });
  }
}

function encodeStat(stat: PathStat): string {
  const { name, sizeBytes, mode, mtime, linkTarget } = stat;
  return Buffer.from(JSON.stringify({ name, size: sizeBytes, mode, mtime, linkTarget })).toString('base64');
}

export const statArchive: Operation = {
  method: 'HEAD',
  path: '/containers/:id/archive',
  params: { path: pathParam },
  async run({ pods }, call) {
    const ref = call.param('id');
    const stat = await inContainer(ref, pods.archiveStat(call.caller, ref, pathOf(call)));
    call.res.setHeader(statHeader, encodeStat(stat));
    call.empty(200);
  },
};

export const getArchive: Operation = {
  method: 'GET',
  path: '/containers/:id/archive',
  params: { path: pathParam },
  async run(cloud, call) {
    const { signal } = call;
    const path = pathOf(call);
    const pod = await cloud.pods.get(call.caller, call.param('id'));
    const { stat, tar } = await inContainer(
      call.param('id'),
      cloud.pods.archiveGet(call.caller, pod.meta.uid, path, signal),
    );
    recordPodEvent(cloud, call, 'archive-path', pod);
    call.res.setHeader(statHeader, encodeStat(stat));
    await sendAll(call.open('application/x-tar'), tar);
  },
};

export const putArchive: Operation = {
  method: 'PUT',
  path: '/containers/:id/archive',
  note: 'a tar, plain or compressed with gzip or zstd',
  params: {
    path: pathParam,
    noOverwriteDirNonDir: yes('flag'),
    copyUIDGID: yes('flag'),
  },
  async run({ pods }, call) {
    const tar = await decompress(call.archive());
    const ref = call.param('id');
    const put = pods.archivePut(call.caller, ref, pathOf(call), tar, {
      noOverwriteDirNonDir: call.query.flag('noOverwriteDirNonDir'),
      copyUidGid: call.query.flag('copyUIDGID'),
    });
    await inContainer(ref, put);
    call.empty(200);
  },
};
