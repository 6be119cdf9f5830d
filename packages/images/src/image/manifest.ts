import { KraudError } from '@kraud/base';
import type { Digest, Platform } from '../contract.ts';
import { parseDigest } from '../digest.ts';
import type { Compression } from '../store/unpack.ts';
import { asArray, asCount, asObject, asText, type JsonObject, optional, parseObject } from './json.ts';

export const mediaTypes = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar',
} as const;

const layerTypes =
  /^application\/vnd\.(oci\.image\.layer\.v1\.tar|docker\.image\.rootfs\.diff\.tar)([.+](gzip|zstd))?$/;

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
}

export interface Manifest {
  readonly kind: 'manifest';
  readonly mediaType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

export interface IndexEntry extends Descriptor {
  readonly platform: Platform | undefined;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface ManifestIndex {
  readonly kind: 'index';
  readonly mediaType: string;
  readonly manifests: readonly IndexEntry[];
}

const manifestsMax = 1_000;

/** Reads a manifest or an index, OCI's or Docker's. What is neither, or not an image, is refused by name. */
export function parseManifest(bytes: Uint8Array, contentType?: string): Manifest | ManifestIndex {
  const json = parseObject(bytes, 'the manifest');
  const said =
    optional(json.mediaType, (value) => asText(value, 'mediaType')) ?? contentType?.split(';', 1)[0]?.trim();
  const mediaType = said === undefined || said === '' || said === 'application/json' ? guess(json) : said;
  switch (mediaType) {
    case mediaTypes.ociIndex:
    case mediaTypes.dockerList:
      // A document that could be read either way has two meanings for one digest.
      if (json.layers !== undefined || json.config !== undefined) throw ambiguous();
      return parseIndex(json, mediaType);
    case mediaTypes.ociManifest:
    case mediaTypes.dockerManifest:
      if (json.manifests !== undefined) throw ambiguous();
      return parseImageManifest(json, mediaType);
    default:
      throw new KraudError('unsupported', `unsupported manifest media type: ${mediaType}`);
  }
}

function guess(json: JsonObject): string {
  if (json.schemaVersion === 1) return 'application/vnd.docker.distribution.manifest.v1+json';
  return json.manifests === undefined ? mediaTypes.ociManifest : mediaTypes.ociIndex;
}

function parseImageManifest(json: JsonObject, mediaType: string): Manifest {
  const config = parseDescriptor(json.config, 'config');
  if (config.mediaType !== mediaTypes.ociConfig && config.mediaType !== mediaTypes.dockerConfig)
    throw new KraudError('unsupported', `not a container image: its config is of type ${config.mediaType}`);
  const layers = asArray(json.layers, 'layers').map((layer) => parseDescriptor(layer, 'layer'));
  for (const { mediaType } of layers)
    if (!layerTypes.test(mediaType))
      throw new KraudError('unsupported', `unsupported layer media type: ${mediaType}`);
  return { kind: 'manifest', mediaType, config, layers };
}

function parseIndex(json: JsonObject, mediaType: string): ManifestIndex {
  const list = asArray(json.manifests, 'manifests');
  if (list.length > manifestsMax)
    throw new KraudError('exhausted', `the index has more than ${manifestsMax} manifests`);
  const manifests = list.map((item) => {
    const object = asObject(item, 'an index entry');
    const annotations = optional(object.annotations, (value) => asObject(value, 'annotations')) ?? {};
    return {
      ...parseDescriptor(item, 'an index entry'),
      platform: optional(object.platform, parsePlatform),
      annotations: Object.fromEntries(
        Object.entries(annotations).map(([key, value]) => [key, asText(value, 'an annotation')]),
      ),
    };
  });
  return { kind: 'index', mediaType, manifests };
}

function parsePlatform(value: unknown): Platform {
  const object = asObject(value, 'platform');
  return {
    os: asText(object.os ?? '', 'platform.os'),
    architecture: asText(object.architecture ?? '', 'platform.architecture'),
    variant: optional(object.variant, (value) => asText(value, 'platform.variant')),
  };
}

function parseDescriptor(value: unknown, what: string): Descriptor {
  const object = asObject(value, what);
  return {
    mediaType: asText(object.mediaType, `${what}.mediaType`),
    digest: parseDigest(object.digest),
    sizeBytes: asCount(object.size, `${what}.size`),
  };
}

/** The OCI media type of a layer that is packed so. */
export function ociLayerType(compression: Compression): string {
  return compression === 'none' ? mediaTypes.ociLayer : `${mediaTypes.ociLayer}+${compression}`;
}

/** A layer's OCI type, whichever of the two families it is given in. */
export function asOciLayerType(mediaType: string): string {
  const compression = layerTypes.exec(mediaType)?.[3];
  return compression === undefined ? mediaTypes.ociLayer : `${mediaTypes.ociLayer}+${compression}`;
}

/** The manifest that we write: OCI's, always the same bytes for the same image. */
export function encodeManifest(config: Descriptor, layers: readonly Descriptor[]): string {
  const descriptor = ({ mediaType, digest, sizeBytes }: Descriptor): object => ({
    mediaType,
    digest,
    size: sizeBytes,
  });
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: descriptor(config),
    layers: layers.map(descriptor),
  });
}

function ambiguous(): KraudError {
  return new KraudError('corrupt', 'the manifest is both an image and an index');
}
