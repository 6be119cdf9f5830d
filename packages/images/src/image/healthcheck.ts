import { KraudError } from '@kraud/base';
import type { Healthcheck } from '../contract.ts';

const flags: Record<string, Exclude<keyof Healthcheck, 'Test'>> = {
  interval: 'Interval',
  timeout: 'Timeout',
  'start-period': 'StartPeriod',
  'start-interval': 'StartInterval',
  retries: 'Retries',
};

/** `NONE`, or `[--interval=…] [--retries=…] … CMD command`. */
export function parseHealthcheck(
  text: string,
  parseList: (text: string) => readonly string[] | undefined,
): Healthcheck {
  const options: Partial<Record<Exclude<keyof Healthcheck, 'Test'>, number>> = {};
  let rest = text;
  for (let match = /^--([a-z-]+)=(\S+)\s*/.exec(rest); match; match = /^--([a-z-]+)=(\S+)\s*/.exec(rest)) {
    const [whole, flag = '', value = ''] = match;
    const field = Object.hasOwn(flags, flag) ? flags[flag] : undefined;
    if (!field) throw new KraudError('invalid', `unknown flag: ${flag}`);
    options[field] = field === 'Retries' ? parseRetries(value) : parseDuration(value);
    rest = rest.slice(whole.length);
  }
  const [, kind = '', words = ''] = /^(\S*)\s*([\s\S]*)$/.exec(rest) ?? [];
  if (kind.toUpperCase() === 'NONE') {
    if (words !== '') throw new KraudError('invalid', 'HEALTHCHECK NONE takes no arguments');
    return { Test: ['NONE'] };
  }
  if (kind.toUpperCase() !== 'CMD')
    throw new KraudError('invalid', `unknown type ${JSON.stringify(kind)} in HEALTHCHECK (try CMD)`);
  if (words === '') throw new KraudError('invalid', 'missing command after HEALTHCHECK CMD');
  const list = parseList(words);
  return { Test: list ? ['CMD', ...list] : ['CMD-SHELL', words], ...options };
}

const unitsNs: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** Go's durations in nanoseconds: `1m30s` is 90,000,000,000. Less than a millisecond is refused, as by Docker. */
function parseDuration(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join('') !== text)
    throw new KraudError('invalid', `invalid duration: ${JSON.stringify(text)}`);
  const totalNs = Math.round(
    parts.reduce((sum, [, number, unit]) => sum + Number(number) * (unitsNs[unit ?? ''] ?? 0), 0),
  );
  if (totalNs !== 0 && totalNs < 1e6) throw new KraudError('invalid', `duration ${text} is less than 1ms`);
  return totalNs;
}

function parseRetries(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new KraudError('invalid', `--retries must be 0 or more, not ${text}`);
  return Number(text);
}
