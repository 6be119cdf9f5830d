import { KraudError } from '@kraud/base';

/** Who holds a host's lease: the value of its key. */
export interface LeaseHolder {
  /** Of the host's data directory. */
  readonly instance: string;
  /** Counts the claims of an unbroken row of daemons, from 1. */
  readonly incarnation: number;
}

export function parseHolder(value: string): LeaseHolder {
  const holder: unknown = JSON.parse(value);
  if (
    typeof holder === 'object' &&
    holder !== null &&
    'instance' in holder &&
    typeof holder.instance === 'string' &&
    'incarnation' in holder &&
    typeof holder.incarnation === 'number'
  ) {
    return { instance: holder.instance, incarnation: holder.incarnation };
  }
  throw new KraudError('corrupt', `not the holder of a host lease: ${value.slice(0, 80)}`);
}
