import { KraudError } from '@kraud/base';
import type { Digest } from '../contract.ts';
import { parseDigest } from '../digest.ts';

export const defaultDomain = 'docker.io';
export const defaultTag = 'latest';
const officialPrefix = 'library/';
const nameCharsMax = 255;

const domainComponent = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const domainName = `${domainComponent}(?:\\.${domainComponent})*`;
const domain = `(?:${domainName}|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const pathComponent = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const path = `${pathComponent}(?:/${pathComponent})*`;
const tag = '\\w[\\w.-]{0,127}';
const digest = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}';
const referencePattern = new RegExp(`^(${domain})/(${path})(?::(${tag}))?(?:@(${digest}))?$`);
const tagPattern = new RegExp(`^${tag}$`);

/**
 * An image's name in full: domain, path and either a tag, a digest, both or neither. Reading and writing
 * follow Docker's grammar (distribution reference), with its defaults for what is left out:
 *
 * | text               | domain         | path             | tag    |
 * | ------------------ | -------------- | ---------------- | ------ |
 * | `alpine`           | docker.io      | library/alpine   | –      |
 * | `me/app:1.2`       | docker.io      | me/app           | 1.2    |
 * | `localhost/app`    | localhost      | app              | –      |
 * | `reg:5000/a/b:x`   | reg:5000       | a/b              | x      |
 *
 * The default tag is not filled in by `parse`, since `name@digest` has none: see `withDefaultTag`.
 */
export class Reference {
  readonly domain: string;
  readonly path: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;

  constructor(parts: {
    domain: string;
    path: string;
    tag?: string | undefined;
    digest?: Digest | undefined;
  }) {
    this.domain = parts.domain;
    this.path = parts.path;
    this.tag = parts.tag;
    this.digest = parts.digest;
  }

  static parse(text: string): Reference {
    if (/^[a-f0-9]{64}$/.test(text))
      throw invalid(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
    if (text === '')
      throw invalid('invalid reference format: repository name must have at least one component');
    const { domain, rest } = splitDomain(text);
    const name = /^[^:@]*/.exec(rest)?.[0] ?? '';
    if (name !== name.toLowerCase())
      throw invalid(`invalid reference format: repository name (${name}) must be lowercase`);
    const match = referencePattern.exec(`${domain}/${rest}`);
    if (!match) throw invalid('invalid reference format');
    const [, inDomain = '', inPath = '', inTag, inDigest] = match;
    if (inPath.length > nameCharsMax)
      throw invalid(
        `invalid reference format: repository name must not be more than ${nameCharsMax} characters`,
      );
    return new Reference({
      domain: inDomain,
      path: inPath,
      tag: inTag,
      digest: inDigest === undefined ? undefined : parseDigest(inDigest),
    });
  }

  /** Undefined instead of an error, for texts that may also be ids. */
  static tryParse(text: string): Reference | undefined {
    try {
      return Reference.parse(text);
    } catch {
      return undefined;
    }
  }

  /** Domain and path: `docker.io/library/alpine`. */
  get name(): string {
    return `${this.domain}/${this.path}`;
  }

  /** The name as Docker shows it: `alpine`. */
  get familiarName(): string {
    // Without its domain, a path that begins like one would be read as something else.
    if (this.domain !== defaultDomain || splitDomain(this.path).domain !== defaultDomain) return this.name;
    const official = this.path.startsWith(officialPrefix)
      ? this.path.slice(officialPrefix.length)
      : undefined;
    return official === undefined || official.includes('/') ? this.path : official;
  }

  /** In full: `docker.io/library/alpine:latest`. `parse` gives the same reference back. */
  toString(): string {
    return this.name + this.#suffix();
  }

  /** As Docker shows it: `alpine:latest`. `parse` gives the same reference back. */
  familiar(): string {
    return this.familiarName + this.#suffix();
  }

  withTag(tag: string): Reference {
    return new Reference({ domain: this.domain, path: this.path, tag: parseTag(tag) });
  }

  withDigest(digest: Digest): Reference {
    return new Reference({ domain: this.domain, path: this.path, digest });
  }

  /** Itself if it has a tag or a digest, else with `:latest`. */
  withDefaultTag(): Reference {
    return this.tag === undefined && this.digest === undefined ? this.withTag(defaultTag) : this;
  }

  #suffix(): string {
    return (
      (this.tag === undefined ? '' : `:${this.tag}`) + (this.digest === undefined ? '' : `@${this.digest}`)
    );
  }
}

export function parseTag(text: string): string {
  if (!tagPattern.test(text)) throw invalid(`invalid tag format: '${text.slice(0, 140)}'`);
  return text;
}

/** The first component is a domain only if it can't be a path: it has a dot, a port, an upper-case letter or is localhost. */
function splitDomain(text: string): { domain: string; rest: string } {
  const slash = text.indexOf('/');
  const first = slash < 0 ? '' : text.slice(0, slash);
  const isDomain = /[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase();
  const domain = isDomain && first !== 'index.docker.io' ? first : defaultDomain;
  const rest = isDomain ? text.slice(slash + 1) : text;
  return { domain, rest: domain === defaultDomain && !rest.includes('/') ? officialPrefix + rest : rest };
}

function invalid(message: string): KraudError {
  return new KraudError('invalid', message);
}
