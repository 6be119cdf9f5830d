/**
 * Image names between their full form, which the cloud keeps, and the form that Docker shows.
 *
 * | full                               | familiar           |
 * | ---------------------------------- | ------------------ |
 * | `docker.io/library/alpine:latest`  | `alpine:latest`    |
 * | `docker.io/me/app:1`               | `me/app:1`         |
 * | `localhost:5000/app:1`             | `localhost:5000/app:1` |
 */
export function familiar(full: string): string {
  if (full.startsWith('docker.io/library/')) {
    const rest = full.slice('docker.io/library/'.length);
    return rest.includes('/') ? full.slice('docker.io/'.length) : rest;
  }
  return full.startsWith('docker.io/') ? full.slice('docker.io/'.length) : full;
}

/** The full form of a name that is already known to be one. */
export function inFull(name: string): string {
  const tagged = name.includes('@') || /:[^/]*$/.test(name) ? name : `${name}:latest`;
  const first = tagged.split('/', 1)[0] ?? '';
  if (!tagged.includes('/')) return `docker.io/library/${tagged}`;
  if (/[.:]/.test(first) || first === 'localhost') return tagged;
  return `docker.io/${tagged}`;
}

/** `repo:tag` or `repo@digest` of two parameters; '' when there is no repo. */
export function joinName(repo: string, tag: string): string {
  if (repo === '' || tag === '') return repo;
  return tag.includes(':') ? `${repo}@${tag}` : `${repo}:${tag}`;
}

/** A `reference` filter: shell pattern over the familiar or the full name, with or without the tag. */
export function referenceMatcher(pattern: string): (full: string) => boolean {
  const source = [...pattern]
    .map((char) =>
      char === '*' ? '[^/]*' : char === '?' ? '[^/]' : char.replace(/[.+^${}()|\\[\]]/g, '\\$&'),
    )
    .join('');
  const regexp = new RegExp(`^${source}$`);
  return (full) => {
    const bare = full.replace(/(@.*|:[^/:]*)$/, '');
    return [full, bare, familiar(full), familiar(bare)].some((name) => regexp.test(name));
  };
}
