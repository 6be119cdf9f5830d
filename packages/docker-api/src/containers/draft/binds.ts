import { KraudError } from '@kraud/base';

export interface Bind {
  /** A host path, the name of a volume, or empty: a volume of its own. */
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly copyUp: boolean;
}

const propagation = /^r?(private|slave|shared)$/;

/**
 * What a mode may have, one of each. Labels of SELinux and the hints of macOS change nothing on a Linux host without
 * them, here as with dockerd.
 */
const kinds: readonly RegExp[] = [
  /^r[ow]$/,
  /^[zZ]$/,
  propagation,
  /^nocopy$/,
  /^(default|consistent|cached|delegated)$/,
];

/** `SOURCE:TARGET[:MODE]` or `TARGET`, as `-v` has it. */
export function parseBind(bind: string): Bind {
  const parts = bind.split(':');
  if (bind === '' || parts.length > 3 || parts.some((part) => part === '')) {
    throw new KraudError('invalid', `invalid volume specification: '${bind}'`);
  }
  const [first = '', second, mode = ''] = parts;
  const [source, target] = second === undefined ? ['', first] : [first, second];
  const type = source.startsWith('/') ? 'bind' : 'volume';
  const wrong = (why: string): KraudError =>
    new KraudError(
      'invalid',
      `invalid volume specification: '${bind}': invalid mount config for type "${type}": ${why}`,
    );
  if (!target.startsWith('/')) throw wrong(`invalid mount path: '${target}' mount path must be absolute`);
  const options = mode === '' ? [] : mode.split(',');
  const isSaid = kinds.map((kind) => options.filter((option) => kind.test(option)).length);
  if (isSaid.some((times) => times > 1) || isSaid.reduce((sum, times) => sum + times, 0) < options.length) {
    throw new KraudError('invalid', `invalid mode: ${mode}`);
  }
  const propagated = options.find((option) => propagation.test(option));
  if (propagated !== undefined && type === 'volume') throw wrong('field BindOptions must not be specified');
  if (propagated?.endsWith('shared')) {
    throw new KraudError(
      'unsupported',
      `HostConfig.Binds option ${propagated} is not supported: mounts made in the guest stay there`,
    );
  }
  return { source, target, readOnly: options.includes('ro'), copyUp: !options.includes('nocopy') };
}
