import { type Static, type TSchema, Type } from 'typebox';
import type { HostApi } from '../contract.ts';
import * as s from './schemas.ts';

interface Unary<A extends TSchema, R extends TSchema> {
  readonly args: A;
  readonly result: R;
  readonly run: (host: HostApi, args: Static<A>) => Promise<Static<R>>;
}

function unary<A extends TSchema, R extends TSchema>(
  args: A,
  result: R,
  run: Unary<A, R>['run'],
): Unary<A, R> {
  return { args, result, run };
}

/** A call without an answer of its own. */
function act<A extends TSchema>(
  args: A,
  run: (host: HostApi, args: Static<A>) => Promise<void>,
): Unary<A, typeof s.nothing> {
  return unary(args, s.nothing, async (host, given) => {
    await run(host, given);
    return null;
  });
}

/** Calls that are one question and one answer: what goes in, what comes out, and what is done for it. */
export const unaryCalls = {
  facts: unary(Type.Tuple([]), s.Facts, async (host) => {
    const { warnings, ...facts } = await host.facts();
    return { ...facts, warnings: [...warnings] };
  }),
  resize: act(s.Resize, (host, args) => host.resize(...args)),
  kill: act(s.Kill, (host, args) => host.kill(...args)),
  update: act(s.Update, (host, args) => host.update(...args)),
  sleep: act(s.OfContainer, (host, args) => host.sleep(...args)),
  wake: act(s.OfContainer, (host, args) => host.wake(...args)),
  rejoin: act(s.Rejoin, (host, args) => host.rejoin(...args)),
  stats: unary(s.OfContainer, s.Stats, (host, args) => host.stats(...args)),
  top: unary(s.OfContainer, s.Processes, async (host, args) =>
    (await host.top(...args)).map((one) => ({ ...one, startNs: String(one.startNs) })),
  ),
  changes: unary(s.OfContainer, s.Changes, (host, args) => host.changes(...args)),
  'archive-stat': unary(s.OfPath, s.PathStat, (host, args) => host.archiveStat(...args)),
  size: unary(s.OfContainer, s.Size, (host, args) => host.size(...args)),
  commit: unary(s.Commit, s.imageId, (host, args) => host.commit(...args)),
  'image-facts': unary(s.OfImage, s.ImageFacts, (host, args) => host.images.facts(...args)),
  'image-remove': unary(s.OfImage, Type.Array(Type.String()), (host, args) => host.images.remove(...args)),
  'image-manifest': unary(s.OfImage, s.Manifest, async (host, args) => {
    const { bytes, ...manifest } = await host.images.manifest(...args);
    return { ...manifest, base64: Buffer.from(bytes).toString('base64') };
  }),
  'image-prepare': act(s.OfImage, (host, args) => host.images.prepare(...args)),
  'images-usage': unary(Type.Tuple([]), s.ImagesUsage, (host) => host.images.usage()),
  login: unary(s.AtRegistry, Type.String(), (host, args) => host.images.login(...args)),
  'image-remote': unary(s.AtRegistry, s.RemoteImage, (host, args) => host.images.remote(...args)),
  'image-tags': unary(s.AtRegistry, Type.Array(Type.String()), (host, args) => host.images.tags(...args)),
  'volume-create': act(s.VolumeCreate, (host, args) => host.volumes.create(...args)),
  'volume-remove': act(s.OfVolume, (host, args) => host.volumes.remove(...args)),
  'volume-usage': unary(s.OfVolume, Type.Number(), (host, args) => host.volumes.usage(...args)),
  'volume-path': unary(s.OfVolume, Type.String(), (host, args) => host.volumes.path(...args)),
};

export type UnaryName = keyof typeof unaryCalls;
export type UnaryArgs<N extends UnaryName> = Static<(typeof unaryCalls)[N]['args']>;
export type UnaryResult<N extends UnaryName> = Static<(typeof unaryCalls)[N]['result']>;
