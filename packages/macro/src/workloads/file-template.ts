import { KraudError } from '@kraud/base';
import { type Host, type Pod, type Workload, workloadLabels } from '../model/index.ts';
import { factOf, fillText } from './placeholders.ts';

type FileKind = 'Secret' | 'Config';

/** Who reads a file that is a template, and where: what its placeholders stand for. */
export interface FileReader {
  readonly pod: Pod;
  /** Name of the container that is given the file. */
  readonly container: string;
  readonly workload: Workload;
  readonly host: Host | undefined;
}

/** Where Swarm's files are that name no path of their own. */
const folders: Readonly<Record<FileKind, string>> = { Secret: '/run/secrets/', Config: '/' };

/**
 * A secret or config with its placeholders filled in: those of a pod's template, `{{env "NAME"}}`, and
 * `{{secret "TARGET"}}` or `{{config "TARGET"}}`, which stand for the bytes of another file of the same container, as
 * they are. All other bytes stay as they are. `invalid` when something is asked for that the container doesn't have.
 */
export async function fillFile(
  bytes: Buffer,
  reader: FileReader,
  bytesOf: (source: FileKind, name: string) => Promise<Buffer>,
): Promise<Buffer> {
  const { pod, workload, host } = reader;
  // One character for each byte: what is no text stays whole.
  const text = bytes.toString('latin1');
  const files = new Map<string, string>();
  for (const [, word = '', target = ''] of text.matchAll(/\{\{-?\s*(secret|config)\s+"([^"]*)"\s*-?\}\}/g)) {
    const source = word === 'secret' ? 'Secret' : 'Config';
    const content = await bytesOf(source, nameOf(reader, source, target));
    files.set(`${word} ${target}`, content.toString('latin1'));
  }
  const { uid, name, labels } = pod.meta;
  const facts = { workload, uid, name, slot: labels[workloadLabels.slot] ?? '', host };
  const asBytes = (value: string): string => Buffer.from(value).toString('latin1');
  const filled = fillText(
    text,
    (path, key) => {
      const value = factOf(path, key, facts);
      return value === undefined ? undefined : asBytes(value);
    },
    (called, argument) =>
      called === 'env' ? asBytes(envOf(reader, argument)) : (files.get(`${called} ${argument}`) ?? ''),
  );
  return Buffer.from(filled, 'latin1');
}

/** The secret or config that is at this place in the container. */
function nameOf({ pod, container }: FileReader, source: FileKind, target: string): string {
  const path = target.startsWith('/') ? target : `${folders[source]}${target}`;
  const mounts = pod.spec.containers.find(({ name }) => name === container)?.mounts ?? [];
  for (const mount of mounts) {
    if (mount.type === 'file' && mount.source === source && mount.target === path) return mount.name;
  }
  throw new KraudError(
    'invalid',
    `invalid template: the container has no ${source.toLowerCase()} at ${path}`,
  );
}

/** Empty when there is none, as with a shell. */
function envOf({ pod, container }: FileReader, name: string): string {
  const env = pod.spec.containers.find((each) => each.name === container)?.env ?? [];
  return env.findLast((line) => line.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';
}
