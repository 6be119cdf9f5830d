import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Digest } from '../contract.ts';
import { digestOf } from '../digest.ts';
import { mediaTypes } from '../image/manifest.ts';
import { serve, type TestServer } from './test-server.ts';

export interface FakeImage {
  readonly blobs: ReadonlyMap<Digest, Buffer>;
  readonly layers: readonly Digest[];
  readonly manifest: Buffer;
}

export function fakeImage(layers: readonly Buffer[], document: object = {}): FakeImage {
  const packed = layers.map((layer) => gzipSync(layer));
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      rootfs: { type: 'layers', diff_ids: layers.map((layer) => digestOf(layer)) },
      ...document,
    }),
  );
  const describe = (mediaType: string, bytes: Buffer): object => ({
    mediaType,
    digest: digestOf(bytes),
    size: bytes.length,
  });
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: describe(mediaTypes.ociConfig, config),
      layers: packed.map((bytes) => describe(`${mediaTypes.ociLayer}+gzip`, bytes)),
    }),
  );
  const blobs = new Map([config, ...packed].map((bytes) => [digestOf(bytes), bytes]));
  return { blobs, layers: packed.map((bytes) => digestOf(bytes)), manifest };
}

/** True if it has answered; false leaves the answer to the registry. */
export type Behaviour = (
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Buffer | undefined,
) => boolean;

/**
 * A registry with these images under the tags `0`, `1`, …, and their manifests under their digests, that does
 * what `behave` says where it says something.
 */
export async function fakeRegistry(
  t: TestContext,
  images: readonly FakeImage[],
  behave: Behaviour = () => false,
  more: ReadonlyMap<string, Buffer> = new Map(),
): Promise<TestServer> {
  return await serve(t, (request, response) => {
    const bytes = find(request.url ?? '', images) ?? more.get(request.url?.split('/').at(-1) ?? '');
    if (behave(request, response, bytes)) return;
    if (request.url === '/v2/') response.end('{}');
    else if (!bytes) {
      response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}');
    } else answer(request, response, bytes);
  });
}

/** As a good server does, ranges included. */
export function answer(request: IncomingMessage, response: ServerResponse, bytes: Buffer): void {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const part = bytes.subarray(start);
  response.writeHead(start > 0 ? 206 : 200, {
    'content-length': part.length,
    ...(start > 0 ? { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` } : {}),
  });
  response.end(part);
}

function find(url: string, images: readonly FakeImage[]): Buffer | undefined {
  const last = url.split('/').at(-1) ?? '';
  if (url.includes('/manifests/'))
    return (
      /^\d+$/.test(last) ? images[Number(last)] : images.find((image) => digestOf(image.manifest) === last)
    )?.manifest;
  for (const image of images) {
    const blob = image.blobs.get(last as Digest);
    if (blob) return blob;
  }
  return undefined;
}
