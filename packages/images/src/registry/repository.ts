import { Backoff, KraudError, MiB } from '@kraud/base';
import type { ByteStream, Digest } from '../contract.ts';
import { digestOf, isDigest } from '../digest.ts';
import { asArray, asText, parseObject } from '../image/json.ts';
import { mediaTypes } from '../image/manifest.ts';
import { parseTag } from '../reference/reference.ts';
import { refusal } from './refusal.ts';
import type { RegistrySession } from './session.ts';

const acceptManifests = [
  mediaTypes.ociIndex,
  mediaTypes.dockerList,
  mediaTypes.ociManifest,
  mediaTypes.dockerManifest,
].join(', ');

const tagsMax = 10_000;
const tagsPerPage = 1_000;
const pageBytesMax = 4 * MiB;

export interface RemoteManifest {
  readonly bytes: Buffer;
  readonly digest: Digest;
  readonly contentType: string | undefined;
}

/** One repository of a registry. */
export class Repository {
  readonly #session: RegistrySession;
  readonly #path: string;
  readonly #scope: string;

  constructor(session: RegistrySession, path: string, actions: 'pull' | 'pull,push') {
    this.#session = session;
    this.#path = path;
    this.#scope = `repository:${path}:${actions}`;
  }

  /** By tag or digest. Its digest is computed from the bytes, and must be the one asked for. */
  async manifest(name: string, bytesMax: number): Promise<RemoteManifest> {
    const response = await this.#session.request({
      method: 'GET',
      path: `/v2/${this.#path}/manifests/${name}`,
      headers: { accept: acceptManifests },
      scope: this.#scope,
    });
    if (response.status !== 200) throw await refusal(response, `manifest for ${this.#path}:${name}`);
    const bytes = await response.bytes(bytesMax);
    const digest = digestOf(bytes);
    const said = isDigest(name) ? name : response.header('docker-content-digest');
    if (said !== undefined && isDigest(said) && said !== digest)
      throw new KraudError(
        'corrupt',
        `manifest verification failed for digest ${said}: its content has ${digest}`,
      );
    return { bytes, digest, contentType: response.header('content-type') };
  }

  /** All of them, a page at a time, in the registry's order. */
  async tags(): Promise<readonly string[]> {
    const tags = new Set<string>();
    let path: string | undefined = `/v2/${this.#path}/tags/list?n=${tagsPerPage}`;
    while (path !== undefined) {
      const response = await this.#session.request({
        method: 'GET',
        path,
        headers: { accept: 'application/json' },
        scope: this.#scope,
      });
      if (response.status !== 200) throw await refusal(response, `tags of ${this.#path}`);
      const page = parseObject(await response.bytes(pageBytesMax), "the registry's list of tags");
      const before = tags.size;
      for (const tag of asArray(page.tags ?? [], 'tags')) tags.add(parseTag(asText(tag, 'tag')));
      if (tags.size > tagsMax)
        throw new KraudError('exhausted', `${this.#path} has more than ${tagsMax} tags`);
      path = tags.size > before ? nextPage(response.header('link'), response.url) : undefined;
    }
    return [...tags];
  }

  /** A small blob, checked. */
  async document(descriptor: { digest: Digest; sizeBytes: number }, bytesMax: number): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    let length = 0;
    for await (const part of this.blob(descriptor.digest, descriptor.sizeBytes)) {
      length += part.length;
      if (length > bytesMax) throw new KraudError('exhausted', `a document is larger than ${bytesMax} bytes`);
      parts.push(part);
    }
    const bytes = Buffer.concat(parts);
    if (digestOf(bytes) !== descriptor.digest)
      throw new KraudError('corrupt', `verification failed for digest ${descriptor.digest}`);
    return bytes;
  }

  /**
   * A blob's bytes, from one or many requests: after a break it goes on where it stopped. The caller checks
   * the digest. Ends after `sizeBytes` at the latest when resuming; a body that is too long is passed on.
   */
  async *blob(digest: Digest, sizeBytes: number): AsyncGenerator<Uint8Array, void, void> {
    const { attemptsMax, resumesMax, backoff: pace } = this.#session.settings;
    const backoff = new Backoff(pace);
    let offset = 0;
    let vain = 0;
    for (let attempt = 1; ; attempt += 1) {
      const before = offset;
      try {
        for await (const chunk of this.#blobFrom(digest, offset)) {
          offset += chunk.length;
          yield chunk;
        }
        if (offset >= sizeBytes) return;
        throw new KraudError('unavailable', `the registry sent ${offset} of ${sizeBytes} bytes`);
      } catch (error) {
        if (!(error instanceof KraudError) || (error.code !== 'unavailable' && error.code !== 'timeout'))
          throw error;
        if (offset > before) backoff.reset();
        vain = offset > before ? 0 : vain + 1;
        if (vain >= attemptsMax || attempt >= resumesMax) throw error;
        await this.#session.pause(backoff.next());
      }
    }
  }

  async hasBlob(digest: Digest): Promise<boolean> {
    const response = await this.#session.request({
      method: 'HEAD',
      path: `/v2/${this.#path}/blobs/${digest}`,
      scope: this.#scope,
    });
    response.discard();
    if (response.status === 200) return true;
    if (response.status === 404) return false;
    throw await refusal(response, `blob ${digest}`);
  }

  /** Uploads from the start on every attempt: what a registry keeps of a broken upload differs too much. */
  async upload(blob: { digest: Digest; sizeBytes: number; open: () => ByteStream }): Promise<void> {
    const { attemptsMax, backoff: pace } = this.#session.settings;
    const backoff = new Backoff(pace);
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#uploadOnce(blob);
        return;
      } catch (error) {
        const again =
          error instanceof KraudError && (error.code === 'unavailable' || error.code === 'timeout');
        if (!again || attempt >= attemptsMax) throw error;
        await this.#session.pause(backoff.next());
      }
    }
  }

  async putManifest(name: string, mediaType: string, bytes: Uint8Array): Promise<void> {
    const response = await this.#session.request({
      method: 'PUT',
      path: `/v2/${this.#path}/manifests/${name}`,
      headers: { 'content-type': mediaType },
      body: () => bytes,
      scope: this.#scope,
    });
    if (response.status !== 201 && response.status !== 200) throw await refusal(response, `manifest ${name}`);
    const said = response.header('docker-content-digest');
    response.discard();
    if (said !== undefined && said !== digestOf(bytes))
      throw new KraudError(
        'corrupt',
        `the registry stored the manifest as ${said} instead of ${digestOf(bytes)}`,
      );
  }

  async *#blobFrom(digest: Digest, offset: number): AsyncGenerator<Uint8Array, void, void> {
    const response = await this.#session.request({
      method: 'GET',
      path: `/v2/${this.#path}/blobs/${digest}`,
      // Any other encoding would not have the digest.
      headers: { 'accept-encoding': 'identity', ...(offset > 0 ? { range: `bytes=${offset}-` } : {}) },
      scope: this.#scope,
    });
    if (response.status !== 200 && response.status !== 206) throw await refusal(response, `blob ${digest}`);
    let skip = offset;
    if (response.status === 206) {
      const start = /^bytes (\d+)-/.exec(response.header('content-range') ?? '')?.[1];
      if (start === undefined || Number(start) !== offset) {
        response.discard();
        throw new KraudError('unavailable', 'the registry sent another range than was asked for');
      }
      skip = 0;
    }
    for await (const chunk of response.body()) {
      const wanted = chunk.subarray(Math.min(skip, chunk.length));
      skip -= chunk.length - wanted.length;
      if (wanted.length > 0) yield wanted;
    }
  }

  async #uploadOnce(blob: { digest: Digest; sizeBytes: number; open: () => ByteStream }): Promise<void> {
    const started = await this.#session.request({
      method: 'POST',
      path: `/v2/${this.#path}/blobs/uploads/`,
      scope: this.#scope,
    });
    if (started.status !== 202) throw await refusal(started, `upload of ${blob.digest}`);
    const location = started.header('location');
    const base = started.url;
    started.discard();
    if (location === undefined || !URL.canParse(location, base.href))
      throw new KraudError('unavailable', 'the registry gives no place to upload to');
    const url = new URL(location, base.href);
    url.searchParams.set('digest', blob.digest);
    const done = await this.#session.request({
      method: 'PUT',
      path: url,
      headers: { 'content-type': 'application/octet-stream' },
      body: () => ({ stream: blob.open(), sizeBytes: blob.sizeBytes }),
      scope: this.#scope,
      retry: false,
    });
    if (done.status !== 201 && done.status !== 204) throw await refusal(done, `upload of ${blob.digest}`);
    done.discard();
  }
}

/** `</v2/app/tags/list?n=2&last=b>; rel="next"`, at the same registry whatever host it names. */
function nextPage(link: string | undefined, from: URL): string | undefined {
  const target = /^<([^>]+)>\s*;\s*rel="?next"?/i.exec(link ?? '')?.[1];
  if (target === undefined || !URL.canParse(target, from.href)) return undefined;
  const { pathname, search } = new URL(target, from.href);
  return pathname.slice(Math.max(0, pathname.indexOf('/v2/'))) + search;
}
