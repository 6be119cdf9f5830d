import { KraudError } from '@kraud/base';
import type { Param } from './operation.ts';

/** The query string of one request, read as dockerd reads it. */
export class Query {
  readonly #values: URLSearchParams;

  constructor(search: string) {
    this.#values = new URLSearchParams(search);
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  text(name: string): string {
    return this.#values.get(name) ?? '';
  }

  list(name: string): string[] {
    return this.#values.getAll(name);
  }

  /** False for absent, empty, `0`, `no`, `false` and `none`; true for everything else. */
  flag(name: string, absent = false): boolean {
    const text = this.#values.get(name);
    return text === null ? absent : isTrue(text);
  }

  /** Undefined when absent or empty. */
  number(name: string): number | undefined {
    const text = this.text(name);
    if (text === '') return undefined;
    if (!/^[+-]?\d+$/.test(text)) {
      throw new KraudError('invalid', `invalid value for ${name}: "${text.slice(0, 100)}" is not a number`);
    }
    return Number(text);
  }

  /** Throws for a refused parameter that asks for something; answers the names that the table doesn't know. */
  check(params: Readonly<Record<string, Param>>): string[] {
    const unknown: string[] = [];
    for (const name of new Set(this.#values.keys())) {
      const param = Object.hasOwn(params, name) ? params[name] : undefined;
      if (!param) unknown.push(name);
      else if (param.support === 'refused' && this.#asks(name, param)) {
        throw new KraudError('unsupported', `${name} is not supported${param.note ? `: ${param.note}` : ''}`);
      }
    }
    return unknown;
  }

  #asks(name: string, param: Param): boolean {
    const text = this.text(name);
    if (param.kind === 'flag') return isTrue(text);
    if (param.kind === 'number') return text !== '' && text !== '0';
    return text !== '' && text !== '{}' && text !== '[]';
  }
}

function isTrue(text: string): boolean {
  return !['', '0', 'no', 'false', 'none'].includes(text.trim().toLowerCase());
}
