import type { Readable } from 'node:stream';
import type { ArchivePutOptions, HostApi, PathStat } from '../contract.ts';
import { dataIn, dataOut, upload } from './bytes.ts';
import type { Caller } from './caller.ts';
import type { Channel } from './channel.ts';
import { check } from './check.ts';
import * as s from './schemas.ts';

export async function serveArchiveGet(host: HostApi, channel: Channel, args: unknown): Promise<void> {
  const { stat, tar } = await host.archiveGet(...check(s.OfPath, args), channel.signal);
  await channel.sendJson('result', stat);
  await dataOut(channel, tar);
}

export async function callArchiveGet(
  caller: Caller,
  args: [uid: string, container: string, path: string],
  signal: AbortSignal,
): Promise<{ stat: PathStat; tar: Readable }> {
  const channel = await caller.open('archive-get', args, signal);
  const stat = await channel.result(s.PathStat);
  return { stat, tar: dataIn(channel, { ownsCall: true }) };
}

export async function serveArchivePut(host: HostApi, channel: Channel, args: unknown): Promise<void> {
  const [uid, container, path, options] = check(s.ArchivePut, args);
  await host.archivePut(uid, container, path, dataIn(channel, { ownsCall: false }), options);
  await channel.sendJson('result', null);
}

export async function callArchivePut(
  caller: Caller,
  args: [uid: string, container: string, path: string, options: ArchivePutOptions],
  tar: Readable,
): Promise<void> {
  await upload(await caller.open('archive-put', args), tar, s.nothing);
}

export async function serveExport(host: HostApi, channel: Channel, args: unknown): Promise<void> {
  const tar = await host.export(...check(s.OfContainer, args), channel.signal);
  await channel.sendJson('result', null);
  await dataOut(channel, tar);
}

export async function callExport(
  caller: Caller,
  args: [uid: string, container: string],
  signal: AbortSignal,
): Promise<Readable> {
  const channel = await caller.open('export', args, signal);
  await channel.result(s.nothing);
  return dataIn(channel, { ownsCall: true });
}
