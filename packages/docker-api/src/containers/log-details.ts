import { KraudError } from '@kraud/base';
import type { Pod } from '@kraud/cloud';
import { nameMatcher } from '../filters.ts';
import { givenBody, mainOf } from './show/given.ts';

type Options = Readonly<Record<string, string>>;

const idDigitsShown = 12;

/** What a log's `tag` may name of its container, in the manner of Go's templates. */
const tagFields: Readonly<Record<string, (pod: Pod) => string>> = {
  ID: (pod) => pod.meta.uid.slice(0, idDigitsShown),
  FullID: (pod) => pod.meta.uid,
  Name: (pod) => pod.meta.name,
  ImageName: (pod) => mainOf(pod).spec.image.name,
  ImageID: (pod) => mainOf(pod).spec.image.id.replace('sha256:', '').slice(0, idDigitsShown),
  ImageFullID: (pod) => mainOf(pod).spec.image.id,
};
const placeholder = /\{\{\s*\.(\w+)\s*\}\}/g;

/** Options of a logging driver that say what stands beside each line. They change nothing but what `--details` shows. */
export const detailOptions: ReadonlySet<string> = new Set([
  'labels',
  'labels-regex',
  'env',
  'env-regex',
  'tag',
]);

/** Refuses what could not be shown later. */
export function checkDetails(options: Options): void {
  for (const name of ['labels-regex', 'env-regex']) nameMatcher(options[name] ?? '');
  const tag = options.tag ?? '';
  for (const [text, field = ''] of tag.matchAll(placeholder)) {
    if (!Object.hasOwn(tagFields, field)) {
      throw new KraudError('unsupported', `HostConfig.LogConfig.Config.tag with ${text} is not supported`);
    }
  }
  if (tag.replace(placeholder, '').includes('{{')) {
    throw new KraudError(
      'unsupported',
      `HostConfig.LogConfig.Config.tag=${tag.slice(0, 100)} is not supported`,
    );
  }
}

/** What `--details` puts before a line: `a=1,b=2 `, in order of name; a lone space when there is nothing to tell. */
export function detailsOf(pod: Pod): string {
  const options = givenBody(pod)?.HostConfig?.LogConfig?.Config ?? {};
  const env = Object.fromEntries(
    mainOf(pod)
      .spec.env.filter((line) => line.includes('='))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  const details = {
    ...chosen(pod.meta.labels, options.labels, options['labels-regex']),
    ...chosen(env, options.env, options['env-regex']),
    ...(options.tag
      ? { tag: options.tag.replace(placeholder, (_, name: string) => tagFields[name]?.(pod) ?? '') }
      : {}),
  };
  const pairs = Object.entries(details).sort(([a], [b]) => (a < b ? -1 : 1));
  return `${pairs.map(([name, value]) => `${escaped(name)}=${escaped(value)}`).join(',')} `;
}

/** Those that a list names, and those that an expression finds. */
function chosen(all: Options, list = '', pattern = ''): Record<string, string> {
  const names = new Set(list.split(','));
  const matches = pattern === '' ? () => false : nameMatcher(pattern);
  return Object.fromEntries(Object.entries(all).filter(([name]) => names.has(name) || matches(name)));
}

/** As in a query string. */
const escaped = (text: string): string => new URLSearchParams([['', text]]).toString().slice(1);
