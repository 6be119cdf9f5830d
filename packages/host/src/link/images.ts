import type { HostApi, HostImages, Progress } from '../contract.ts';
import { dataIn, dataOut, upload } from './bytes.ts';
import type { Caller } from './caller.ts';
import type { Channel } from './channel.ts';
import { check } from './check.ts';
import * as s from './schemas.ts';

/** Progress as notes: they are small, and what waits for room is dropped with the call. */
const notes =
  (channel: Channel): Progress =>
  (message) =>
    void channel.sendJson('note', message).catch(() => {});

const onNote =
  (progress: Progress) =>
  (note: unknown): void =>
    progress(check(s.Note, note));

export async function servePull(host: HostApi, channel: Channel, args: unknown): Promise<void> {
  const [reference, options] = check(s.Pull, args);
  const transfer = { ...options, progress: notes(channel), signal: channel.signal };
  await channel.sendJson('result', await host.images.pull(reference, transfer));
}

export async function servePush(host: HostApi, channel: Channel, args: unknown): Promise<void> {
  const [id, reference, options] = check(s.Push, args);
  const transfer = { ...options, progress: notes(channel), signal: channel.signal };
  await channel.sendJson('result', await host.images.push(id, reference, transfer));
}

export async function serveLoad(host: HostApi, channel: Channel, args: unknown): Promise<void> {
  const [given] = check(s.Load, args);
  const options = { ...given, progress: notes(channel), signal: channel.signal };
  await channel.sendJson('result', await host.images.load(dataIn(channel, { ownsCall: false }), options));
}

export async function serveImport(host: HostApi, channel: Channel, args: unknown): Promise<void> {
  const [options] = check(s.Import, args);
  const tar = dataIn(channel, { ownsCall: false });
  const id = await host.images.import(tar, { ...options, signal: channel.signal });
  await channel.sendJson('result', id);
}

export async function serveSave(host: HostApi, channel: Channel, args: unknown): Promise<void> {
  const tar = await host.images.save(check(s.NamedImages, args), channel.signal);
  await channel.sendJson('result', null);
  await dataOut(channel, tar);
}

export async function serveBlob(host: HostApi, channel: Channel, args: unknown): Promise<void> {
  const blob = await host.images.blob(...check(s.Blob, args), channel.signal);
  await channel.sendJson('result', null);
  await dataOut(channel, blob);
}

export function callImages(caller: Caller): HostImages {
  return {
    facts: (id) => caller.ask('image-facts', [id]),
    async pull(reference, { progress, signal, ...options }) {
      const channel = await caller.open('pull', [reference, pick(options)], signal);
      return await settled(channel, channel.result(s.Pulled, onNote(progress)));
    },
    async push(id, reference, { progress, signal, ...options }) {
      const channel = await caller.open('push', [id, reference, pick(options)], signal);
      return await settled(channel, channel.result(s.Pushed, onNote(progress)));
    },
    async load(tar, { progress, signal, ...options }) {
      return await upload(
        await caller.open('load', [pick(options)], signal),
        tar,
        s.NamedImages,
        onNote(progress),
      );
    },
    async import(tar, { changes, message, platform, signal }) {
      const options = { changes, message, ...(platform !== undefined ? { platform } : {}) };
      return await upload(await caller.open('import', [options], signal), tar, s.imageId);
    },
    async save(images, signal) {
      const channel = await caller.open('save', images, signal);
      await channel.result(s.nothing);
      return dataIn(channel, { ownsCall: true });
    },
    remove: (id) => caller.ask('image-remove', [id]),
    usage: () => caller.ask('images-usage', []),
    async prepare(id) {
      await caller.ask('image-prepare', [id]);
    },
    async manifest(id) {
      const { base64, ...manifest } = await caller.ask('image-manifest', [id]);
      return { ...manifest, bytes: Buffer.from(base64, 'base64') };
    },
    async blob(digest, start, signal) {
      const channel = await caller.open('blob', [digest, start], signal);
      await channel.result(s.nothing);
      return dataIn(channel, { ownsCall: true });
    },
    login: (registry, auth) => caller.ask('login', [registry, auth]),
    remote: (reference, auth) => caller.ask('image-remote', [reference, auth ?? {}]),
    tags: (reference, auth) => caller.ask('image-tags', [reference, auth ?? {}]),
  };
}

/** Only what goes over the line: callers hand in their own options whole. */
function pick<T extends { platform?: string; auth?: object }>({ platform, auth }: T): object {
  return { ...(platform !== undefined ? { platform } : {}), ...(auth ? { auth } : {}) };
}

async function settled<T>(channel: Channel, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } finally {
    channel.done();
  }
}
