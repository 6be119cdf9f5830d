import { KraudError } from '@kraud/base';
import type { Digest, HistoryEntry, ImageConfig, ImageDocument, Platform } from '../contract.ts';
import { parseDigest } from '../digest.ts';
import { asArray, asCount, asObject, asText, type JsonObject, optional, parseObject } from './json.ts';

const texts = ['User', 'WorkingDir', 'StopSignal'] as const;
const lists = ['Env', 'Entrypoint', 'Cmd', 'Shell', 'OnBuild'] as const;
const sets = ['ExposedPorts', 'Volumes'] as const;

/** Reads a config document and checks the type of every field that we or a facade use. Others are left out. */
export function parseDocument(bytes: Uint8Array): ImageDocument {
  const json = parseObject(bytes, "the image's config");
  const rootfs = asObject(json.rootfs, 'rootfs');
  if (rootfs.type !== 'layers')
    throw new KraudError('unsupported', `unsupported rootfs type: ${String(rootfs.type)}`);
  const diffIds = asArray(rootfs.diff_ids ?? [], 'rootfs.diff_ids').map(parseDigest);
  return {
    architecture: asText(json.architecture ?? '', 'architecture'),
    os: asText(json.os ?? '', 'os'),
    ...pick(json, ['variant', 'os.version', 'created', 'author', 'comment'], asText),
    ...(json.config === undefined || json.config === null ? {} : { config: parseConfig(json.config) }),
    rootfs: { type: 'layers', diff_ids: diffIds },
    ...(json.history === undefined || json.history === null
      ? {}
      : { history: asArray(json.history, 'history').map(parseHistory) }),
  };
}

export function parseConfig(value: unknown): ImageConfig {
  const json = asObject(value, 'config');
  return {
    ...pick(json, texts, asText),
    ...pick(json, lists, (value, what) => asArray(value, what).map((item) => asText(item, what))),
    ...pick(json, sets, (value, what) =>
      Object.fromEntries(Object.keys(asObject(value, what)).map((key) => [key, {}])),
    ),
    ...pick(json, ['Labels'], (value, what) =>
      Object.fromEntries(
        Object.entries(asObject(value, what)).map(([key, text]) => [key, asText(text, what)]),
      ),
    ),
    ...pick(json, ['StopTimeout'], asCount),
    ...pick(json, ['ArgsEscaped'], (value) => value === true),
    ...pick(json, ['Healthcheck'], (value, what) => {
      const check = asObject(value, what);
      return {
        ...pick(check, ['Test'], (test) => asArray(test, what).map((item) => asText(item, what))),
        ...pick(check, ['Interval', 'Timeout', 'StartPeriod', 'StartInterval', 'Retries'], asCount),
      };
    }),
  };
}

/** The document that we write: fields in one order, so that equal images have equal ids. */
export function encodeDocument(document: ImageDocument): string {
  const { architecture, os, variant, created, author, comment, config, rootfs, history } = document;
  return JSON.stringify({
    created,
    author,
    architecture,
    os,
    variant,
    comment,
    config: config ?? {},
    rootfs,
    history,
  });
}

export function platformOf(document: ImageDocument): Platform {
  return { os: document.os, architecture: document.architecture, variant: document.variant };
}

/** An image that is `base` (if any) and one layer more. */
export function withLayer(
  base: ImageDocument | undefined,
  layer: {
    diffId: Digest;
    platform: Platform;
    config: ImageConfig;
    history: HistoryEntry;
    author?: string | undefined;
  },
): ImageDocument {
  const { os, architecture, variant } = layer.platform;
  return {
    architecture,
    os,
    ...(variant === undefined ? {} : { variant }),
    ...(layer.history.created === undefined ? {} : { created: layer.history.created }),
    ...(layer.author === undefined ? {} : { author: layer.author }),
    ...(layer.history.comment === undefined ? {} : { comment: layer.history.comment }),
    config: layer.config,
    rootfs: { type: 'layers', diff_ids: [...(base?.rootfs.diff_ids ?? []), layer.diffId] },
    history: [...(base ? fullHistory(base) : []), layer.history],
  };
}

/** One entry for each layer at least, though some tools write none. */
export function fullHistory(document: ImageDocument): readonly HistoryEntry[] {
  const history = document.history ?? [];
  const told = history.filter((entry) => entry.empty_layer !== true).length;
  const missing = Math.max(0, document.rootfs.diff_ids.length - told);
  const unknown: HistoryEntry = document.created === undefined ? {} : { created: document.created };
  return [...Array.from({ length: missing }, () => unknown), ...history];
}

function parseHistory(value: unknown): HistoryEntry {
  const json = asObject(value, 'a history entry');
  return {
    ...pick(json, ['created', 'created_by', 'author', 'comment'], asText),
    ...(optional(json.empty_layer, (value) => value === true) ? { empty_layer: true } : {}),
  };
}

/** The fields that are there and not null, each checked. */
function pick<K extends string, T>(
  json: JsonObject,
  keys: readonly K[],
  read: (value: unknown, what: string) => T,
): { [P in K]?: T } {
  const picked: { [P in K]?: T } = {};
  for (const key of keys) {
    const value = json[key];
    if (value !== undefined && value !== null) picked[key] = read(value, key);
  }
  return picked;
}
