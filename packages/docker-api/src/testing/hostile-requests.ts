import type { SeededRandom } from '@kraud/base';
import type { BodyRow } from '../body/rows.ts';
import type { Operation, Param } from '../operation.ts';
import { type HostileJson, rubbish, spoil, written } from './hostile-json.ts';

/** A request as bytes on a connection, and whether it may be answered without an end. */
export interface HostileRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer;
}

/** Names of things that are there. */
export type Known = Readonly<Record<string, readonly string[]>>;

const values: Readonly<Record<Param['kind'], readonly string[]>> = {
  text: ['app', '', '1', 'main', '/etc', 'a b', 'sha256:00', 'TERM', '-1', 'ctrl-p', 'x'.repeat(5000)],
  flag: ['1', '0', 'true', 'FALSE', 'maybe', ''],
  number: ['0', '5', '-1', '1e9', '9'.repeat(30), '1.5', 'NaN', '0x10', ' 1', '', '+3'],
  filters: [
    '{}',
    '[]',
    'null',
    '{"label":{"a=b":true}}',
    '{"name":["a"]}',
    '{"__proto__":["a"]}',
    '{"name":{"a":1}}',
    '{"constructor":["x"]}',
    '{"name":[1]}',
    '{',
    '{"until":["rubbish"]}',
    '{"since":["x"],"before":["y"]}',
    '{"until":["99999999999999999999"]}',
    '{"id":["("],"name":["("]}',
  ],
  list: ['a', '', 'ENV A=1', 'name', 'x'.repeat(5000)],
};

/** Text that ends up in paths, names, logs and regular expressions. */
export const hostileTexts: readonly string[] = [
  '..',
  '../../etc/passwd',
  '%2e%2e',
  '/',
  '//',
  '',
  ' ',
  '\0',
  'a\0b',
  'a\nb',
  'a\r\nX-Evil: 1',
  '\u001b[2J',
  '\u202ekoob',
  '\ud800',
  'ﬀ',
  '😀',
  '__proto__',
  'constructor',
  'toString',
  '-rf',
  '*',
  '(a+)+$',
  'x'.repeat(300),
  'x'.repeat(70_000),
];

/** Requests that are nearly valid, drawn from the tables of the operations. */
export class HostileRequests {
  readonly #random: SeededRandom;
  readonly #operations: readonly Operation[];
  readonly #known: Known;

  constructor(random: SeededRandom, operations: readonly Operation[], known: Known) {
    this.#random = random;
    this.#operations = operations;
    this.#known = known;
  }

  next(): HostileRequest {
    const operation = this.#one(this.#operations);
    const body = this.#chance(85) ? this.#body(operation) : this.#raw();
    return {
      method: this.#chance(97)
        ? operation.method
        : this.#one(['BREW', 'OPTIONS', 'TRACE', 'CONNECT', 'PATCH']),
      target: this.#target(operation),
      headers: this.#headers(operation),
      body,
    };
  }

  #target(operation: Operation): string {
    const path = operation.path.replace(/:(\w+)\+?/g, (_, name: string) =>
      this.#chance(75)
        ? this.#one(this.#known[name] ?? this.#known.id ?? ['some'])
        : this.#encoded(this.#one(hostileTexts)),
    );
    const version = this.#chance(80)
      ? ''
      : this.#one(['/v1.24', '/v1.51', '/v1.30', '/v1.999', '/v0.1', '/v1', '/v99999999999999999999.1']);
    const query: string[] = [];
    for (const [name, param] of Object.entries(operation.params ?? {})) {
      const times = this.#chance(35) ? (this.#chance(10) ? 3 : 1) : 0;
      for (let i = 0; i < times; i += 1) {
        const text = this.#chance(75) ? this.#one(values[param.kind]) : this.#one(hostileTexts);
        query.push(`${name}=${this.#encoded(text)}`);
      }
    }
    if (this.#chance(5)) query.push('__proto__=1', '%', '%ff=%fe', '=');
    return `${version}${path}${query.length > 0 ? `?${query.join('&')}` : ''}`;
  }

  /** Percent-encoded, now and then wrongly. */
  #encoded(text: string): string {
    const encoded = [...Buffer.from(text)]
      .map((byte) => (/[\w.~-]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : percent(byte)))
      .join('');
    return this.#chance(95)
      ? encoded
      : this.#one([`${encoded}%`, `${encoded}%zz`, `${encoded}%ff%fe`, `${encoded}%00`]);
  }

  #headers(operation: Operation): [string, string][] {
    const headers: [string, string][] = [['Host', 'docker']];
    if (this.#chance(95))
      headers.push(['Content-Type', operation.body ? 'application/json' : 'application/x-tar']);
    else
      headers.push(['Content-Type', this.#one(['text/plain', '', ';', 'application/json;charset=\u00ff'])]);
    if (this.#chance(10)) {
      headers.push([
        this.#one(['X-Registry-Auth', 'X-Registry-Config']),
        this.#one([
          '',
          'e30=',
          '!!!!',
          'bnVsbA==',
          'WzFd',
          'eyJ1c2VybmFtZSI6MX0=',
          'eyJhdXRoIjp7fX0=',
          'x'.repeat(9000),
        ]),
      ]);
    }
    if (this.#chance(3)) headers.push(['Range', 'bytes=9-1'], ['Expect', '200-maybe']);
    return headers;
  }

  #body(operation: Operation): Buffer {
    if (!operation.body || this.#chance(5)) return Buffer.alloc(0);
    const rows = operation.body.filter((row) => row.support !== 'refused');
    const chosen = Array.from({ length: this.#random.below(6) }, () => this.#one(rows));
    let json: HostileJson = {};
    if (operation.path === '/containers/create') json = { Image: 'app' };
    for (const row of chosen) if (row) put(json, row);
    const times = this.#random.below(3);
    for (let i = 0; i < times; i += 1) json = spoil(json, this.#random);
    return written(json, this.#random);
  }

  #raw(): Buffer {
    return this.#one([
      Buffer.from('{'),
      Buffer.from('\ufeff{}'),
      Buffer.from([0xff, 0xfe, 0x7b, 0x7d]),
      Buffer.from('{"Image":NaN}'),
      Buffer.from('{"Image":"app"}{"Image":"app"}'),
      Buffer.from(`${'['.repeat(20_000)}`),
      Buffer.from(`${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`),
      Buffer.from(JSON.stringify(rubbish(this.#random))),
      Buffer.alloc(2048),
      this.#random.bytes(700),
      Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3]),
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 9, 9, 9]),
    ]);
  }

  #one<T>(from: readonly T[]): T {
    return from[this.#random.below(from.length)] as T;
  }

  #chance(percentage: number): boolean {
    return this.#random.below(100) < percentage;
  }
}

const percent = (byte: number): string => `%${byte.toString(16).padStart(2, '0')}`;

/** Sets a row's sample where its path says, with one entry in every list and map on the way. */
function put(json: HostileJson, row: BodyRow): void {
  // biome-ignore lint/suspicious/noExplicitAny: walks a body of unknown shape
  let at: any = json;
  const steps = row.path.split(/(\[\]|\{\}|\.)/).filter((step) => step !== '' && step !== '.');
  for (const [i, step] of steps.entries()) {
    const key = step === '[]' ? 0 : step === '{}' ? '80/tcp' : step;
    const next = steps[i + 1];
    if (next === undefined) at[key] = structuredClone(row.sample);
    else at[key] ??= next === '[]' ? [] : {};
    at = at[key];
    if (typeof at !== 'object' || at === null) return;
  }
}
