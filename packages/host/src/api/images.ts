import { Readable } from 'node:stream';
import {
  type Image,
  type ImageId,
  type Images,
  type ImageConfig as ImagesConfig,
  type ProgressEvent,
  parseDigest,
  parsePlatform,
  Reference,
} from '@kraud/images';
import type { HostImages, ImageConfig, ImageFacts, Progress, RegistryAuth } from '../contract.ts';

const idOf = (id: string): ImageId => id as ImageId;

/** The images of this host as the use cases see them. */
export function hostImages(images: Images): HostImages {
  return {
    facts: async (id) => factsOf(images, await images.get(idOf(id))),
    async pull(reference, { platform, auth, progress, signal }) {
      const { image, repoDigest, changed } = await images.pull(Reference.parse(reference), {
        ...transfer(auth, progress, signal),
        ...(platform ? { platform: parsePlatform(platform) } : {}),
      });
      return { id: image.id, digest: repoDigest, alreadyPresent: !changed };
    },
    async push(id, reference, { auth, progress, signal }) {
      const options = transfer(auth, progress, signal);
      const { digest, manifestBytes } = await images.push(idOf(id), Reference.parse(reference), options);
      return { digest, sizeBytes: manifestBytes };
    },
    async load(tar, { platform, progress, signal }) {
      const loaded = await images.load(tar, {
        onProgress: report(progress),
        signal,
        ...(platform ? { platform: parsePlatform(platform) } : {}),
      });
      return loaded.map(({ image, names }) => ({ id: image.id, names: names.map(String) }));
    },
    async save(wanted, signal) {
      const items = wanted.map(({ id, names }) => ({
        id: idOf(id),
        names: names.map((name) => Reference.parse(name)),
      }));
      return Readable.from(images.save(items), { objectMode: false, signal });
    },
    async import(tar, { changes, message, platform, signal }) {
      const image = await images.import(tar, {
        changes,
        message,
        signal,
        ...(platform ? { platform: parsePlatform(platform) } : {}),
      });
      return image.id;
    },
    remove: async (id) => [...(await images.delete(idOf(id))).layers],
    async usage() {
      const usage = await images.usage();
      return {
        layersBytes: usage.layersBytes,
        images: Object.fromEntries(
          usage.images.map(({ id, sizeBytes, sharedBytes }) => [id, { sizeBytes, sharedBytes }]),
        ),
      };
    },
    async prepare(id) {
      await images.rootfs(idOf(id));
    },
    manifest: async (id) => await images.manifest(idOf(id)),
    async blob(digest, start, signal) {
      return Readable.from(images.blob(parseDigest(digest), start), { objectMode: false, signal });
    },
    async login(registry, auth) {
      await images.login(registry, auth);
      return 'Login Succeeded';
    },
    async remote(reference, auth) {
      const { platforms, ...descriptor } = await images.remote(Reference.parse(reference), auth);
      return {
        ...descriptor,
        platforms: platforms.map(({ os, architecture, variant }) => ({
          os,
          architecture,
          ...(variant ? { variant } : {}),
        })),
      };
    },
    tags: async (reference, auth) => [...(await images.tags(Reference.parse(reference), auth))],
  };
}

function transfer(
  auth: RegistryAuth | undefined,
  progress: Progress,
  signal: AbortSignal,
): { onProgress: (event: ProgressEvent) => void; signal: AbortSignal; auth?: RegistryAuth } {
  return { onProgress: report(progress), signal, ...(auth ? { auth } : {}) };
}

const report =
  (progress: Progress) =>
  (event: ProgressEvent): void =>
    progress({ ...event });

async function factsOf(images: Images, image: Image): Promise<ImageFacts> {
  const { document } = image;
  const lines = await images.history(image.id);
  const entries = document.history ?? [];
  return {
    id: image.id,
    createdAt: document.created ?? '',
    author: document.author ?? '',
    comment: document.comment ?? '',
    architecture: document.architecture,
    variant: document.variant ?? '',
    os: document.os,
    parentId: image.parent ?? '',
    config: configFromImages(document.config ?? {}),
    diffIds: [...document.rootfs.diff_ids],
    sizeBytes: image.sizeBytes,
    history: entries.map((entry, index) => ({
      createdAt: entry.created ?? '',
      createdBy: entry.created_by ?? '',
      comment: entry.comment ?? '',
      emptyLayer: entry.empty_layer ?? false,
      sizeBytes: lines[lines.length - 1 - index]?.sizeBytes ?? 0,
    })),
  };
}

const keysOf = (value: Readonly<Record<string, object>> | null | undefined): string[] | undefined =>
  value ? Object.keys(value) : undefined;

/** Drops what is absent, so that `exactOptionalPropertyTypes` and the merge of defaults see only what is there. */
function present<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

export function configFromImages(config: ImagesConfig): ImageConfig {
  const check = config.Healthcheck;
  const list = (value: readonly string[] | null | undefined): string[] | undefined =>
    value ? [...value] : undefined;
  return present({
    user: config.User,
    exposedPorts: keysOf(config.ExposedPorts),
    env: list(config.Env),
    entrypoint: list(config.Entrypoint),
    cmd: list(config.Cmd),
    volumes: keysOf(config.Volumes),
    workingDir: config.WorkingDir,
    labels: config.Labels ? { ...config.Labels } : undefined,
    stopSignal: config.StopSignal,
    shell: list(config.Shell),
    onBuild: list(config.OnBuild),
    healthcheck: check?.Test
      ? present({
          test: [...check.Test],
          intervalNs: check.Interval,
          timeoutNs: check.Timeout,
          startPeriodNs: check.StartPeriod,
          startIntervalNs: check.StartInterval,
          retries: check.Retries,
        })
      : undefined,
  }) as ImageConfig;
}

const setOf = (names: readonly string[] | undefined): Record<string, object> | undefined =>
  names && Object.fromEntries(names.map((name) => [name, {}]));

export function configToImages(config: ImageConfig): ImagesConfig {
  const check = config.healthcheck;
  return present({
    User: config.user,
    ExposedPorts: setOf(config.exposedPorts),
    Env: config.env,
    Entrypoint: config.entrypoint,
    Cmd: config.cmd,
    Volumes: setOf(config.volumes),
    WorkingDir: config.workingDir,
    Labels: config.labels,
    StopSignal: config.stopSignal,
    Shell: config.shell,
    OnBuild: config.onBuild,
    Healthcheck: check
      ? present({
          Test: check.test,
          Interval: check.intervalNs,
          Timeout: check.timeoutNs,
          StartPeriod: check.startPeriodNs,
          StartInterval: check.startIntervalNs,
          Retries: check.retries,
        })
      : undefined,
  }) as ImagesConfig;
}
