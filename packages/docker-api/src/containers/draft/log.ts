import { KraudError } from '@kraud/base';
import type { ContainerDraft } from '@kraud/cloud';
import { checkDetails, detailOptions } from '../log-details.ts';
import type { HostBody } from './body.ts';

const decimal: Record<string, number> = { '': 1, b: 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 };

/** Docker's that send logs elsewhere. */
const others = new Set('awslogs etwlogs fluentd gcplogs gelf journald splunk syslog'.split(' '));

/** Options of Docker's drivers, beside those that are honoured here. */
const known = new Set(
  'compress mode max-buffer-size cache-disabled cache-max-size cache-max-file cache-compress'.split(' '),
);

/** Docker's documented defaults of the `local` driver. */
const local = { fileBytesMax: 20e6, filesMax: 5 };

export function logOf(body: HostBody['LogConfig']): ContainerDraft['log'] {
  const options = body?.Config ?? {};
  const type = body?.Type || 'json-file';
  if (type !== 'json-file' && type !== 'local' && type !== 'none') {
    if (!others.has(type)) {
      throw new KraudError('invalid', `logger: no log driver named '${type.slice(0, 100)}' is registered`);
    }
    throw new KraudError(
      'unsupported',
      `HostConfig.LogConfig.Type=${type} is not supported: logging drivers are json-file, local and none`,
    );
  }
  if (!body?.Type && Object.keys(options).length === 0) return undefined;
  const log: NonNullable<ContainerDraft['log']> =
    type === 'local' ? { driver: type, ...local } : { driver: type };
  for (const [name, value] of Object.entries(options)) {
    if (name === 'max-size') log.fileBytesMax = value === '-1' ? 0 : size(value);
    else if (name === 'max-file') log.filesMax = count(value);
    else if (!detailOptions.has(name) && !isDefault(type, name, value)) {
      if (!known.has(name)) {
        throw new KraudError('invalid', `unknown log opt '${name.slice(0, 100)}' for ${type} log driver`);
      }
      throw new KraudError('unsupported', `HostConfig.LogConfig.Config.${name}=${value} is not supported`);
    }
  }
  checkDetails(options);
  return log;
}

function isDefault(driver: string, name: string, value: string): boolean {
  if (name === 'mode') return value === 'blocking';
  return name === 'compress' && (driver === 'local' || value === 'false');
}

/** Unlike sizes elsewhere, log sizes are powers of ten. */
function size(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([bkmgt]?)b?$/i.exec(text);
  const bytes = match ? Number(match[1]) * (decimal[(match[2] ?? '').toLowerCase()] ?? 1) : 0;
  if (bytes < 1) throw new KraudError('invalid', `invalid value for max-size: '${text}'`);
  return Math.round(bytes);
}

function count(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new KraudError('invalid', `invalid value for max-file: '${text}'`);
  return Number(text);
}
