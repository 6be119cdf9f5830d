import { KraudError } from '@kraud/base';

/**
 * An image's name, taken apart. The grammar is Docker's (distribution/reference), as documented.
 *
 * | text                     | full                                |
 * | ------------------------ | ----------------------------------- |
 * | `alpine`                 | `docker.io/library/alpine:latest`   |
 * | `user/app:1`             | `docker.io/user/app:1`              |
 * | `localhost:5000/app`     | `localhost:5000/app:latest`         |
 * | `app@sha256:…`           | `docker.io/library/app@sha256:…`    |
 */
export interface ImageName {
  /** Domain and path, in full. */
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: string;
}

const component = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const domainPart = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const domainPattern = new RegExp(`^(?:${domainPart}(?:\\.${domainPart})*|\\[[0-9a-fA-F:]+\\])(?::[0-9]+)?$`);
const pathPattern = new RegExp(`^${component}(?:/${component})*$`);
const tagPattern = /^[\w][\w.-]{0,127}$/;
const digestPattern = /^sha256:[0-9a-f]{64}$/;
const repositoryCharsMax = 255;

export function parseImageName(text: string): ImageName {
  const invalid = (): KraudError => new KraudError('invalid', `invalid reference format: '${text}'`);
  let rest = text;
  let digest: string | undefined;
  const at = rest.indexOf('@');
  if (at >= 0) {
    digest = rest.slice(at + 1);
    rest = rest.slice(0, at);
    if (!digestPattern.test(digest)) throw invalid();
  }
  let tag: string | undefined;
  const colon = rest.lastIndexOf(':');
  if (colon > rest.lastIndexOf('/')) {
    tag = rest.slice(colon + 1);
    rest = rest.slice(0, colon);
    if (!tagPattern.test(tag)) throw invalid();
  }
  const slash = rest.indexOf('/');
  const first = slash < 0 ? '' : rest.slice(0, slash);
  const hasDomain =
    first.includes('.') || first.includes(':') || first === 'localhost' || first !== first.toLowerCase();
  let domain = hasDomain ? first : 'docker.io';
  let path = hasDomain ? rest.slice(slash + 1) : rest;
  if (domain === 'index.docker.io') domain = 'docker.io';
  if (domain === 'docker.io' && path !== '' && !path.includes('/')) path = `library/${path}`;
  if (path !== path.toLowerCase()) {
    throw new KraudError('invalid', `invalid reference format: repository name (${path}) must be lowercase`);
  }
  if (!domainPattern.test(domain) || !pathPattern.test(path)) throw invalid();
  const repository = `${domain}/${path}`;
  if (repository.length > repositoryCharsMax)
    throw new KraudError('invalid', `repository name must not be more than ${repositoryCharsMax} characters`);
  return {
    repository,
    ...(tag !== undefined ? { tag } : {}),
    ...(digest !== undefined ? { digest } : {}),
  };
}

/** With the tag that is meant when none is given. */
export function fullName(name: ImageName): string {
  if (name.digest !== undefined) return `${name.repository}@${name.digest}`;
  return `${name.repository}:${name.tag ?? 'latest'}`;
}

/** As people write it: without Docker's own domain. */
export function familiarName(full: string): string {
  return full.replace(/^docker\.io\/(library\/(?=[^/]+$))?/, '');
}
