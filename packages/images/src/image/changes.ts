import { posix } from 'node:path';
import { KraudError } from '@kraud/base';
import type { ImageConfig } from '../contract.ts';
import { parsePairs, splitWords, substitute } from './change-words.ts';
import { parseHealthcheck } from './healthcheck.ts';

/** What an instruction changes, given the config so far and what follows the instruction's name. */
type Change = (config: ImageConfig, text: string) => ImageConfig;

const defaultShell = ['/bin/sh', '-c'];

/** The Dockerfile instructions that `docker commit` and `docker import --change` take; others are refused. */
const instructions: Record<string, Change> = {
  CMD: (config, text) => ({ ...config, Cmd: command(config, text) }),
  ENTRYPOINT: (config, text) => ({ ...config, Entrypoint: command(config, text) }),
  ENV: (config, text) => {
    let env = config.Env ?? [];
    for (const [key, value] of parsePairs('ENV', text, lookupIn(config))) env = setEnv(env, key, value);
    return { ...config, Env: env };
  },
  LABEL: (config, text) => ({
    ...config,
    Labels: {
      ...config.Labels,
      ...Object.fromEntries(parsePairs('LABEL', text, lookupIn(config))),
    },
  }),
  EXPOSE: (config, text) => {
    const ports = splitWords(text)
      .map((word) => expand(config, word))
      .flatMap(parsePort);
    if (ports.length === 0) throw missing('EXPOSE');
    return { ...config, ExposedPorts: { ...config.ExposedPorts, ...setOf(ports) } };
  },
  USER: (config, text) => ({ ...config, User: single('USER', expand(config, text)) }),
  VOLUME: (config, text) => {
    const paths = parseList(text) ?? splitWords(text).map((word) => expand(config, word));
    if (paths.length === 0) throw missing('VOLUME');
    if (paths.some((path) => path.trim() === ''))
      throw new KraudError('invalid', 'VOLUME specified can not be an empty string');
    return { ...config, Volumes: { ...config.Volumes, ...setOf(paths) } };
  },
  WORKDIR: (config, text) => {
    const path = single('WORKDIR', expand(config, text));
    return { ...config, WorkingDir: posix.resolve('/', config.WorkingDir ?? '', path) };
  },
  STOPSIGNAL: (config, text) => ({ ...config, StopSignal: single('STOPSIGNAL', expand(config, text)) }),
  ONBUILD: (config, text) => {
    const trigger = single('ONBUILD', text);
    const name = /^\S+/.exec(trigger)?.[0].toUpperCase();
    if (name === 'ONBUILD')
      throw new KraudError('invalid', "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    if (name === 'FROM' || name === 'MAINTAINER')
      throw new KraudError('invalid', `${name} isn't allowed as an ONBUILD trigger`);
    return { ...config, OnBuild: [...(config.OnBuild ?? []), trigger] };
  },
  HEALTHCHECK: (config, text) => ({ ...config, Healthcheck: parseHealthcheck(text, parseList) }),
};

/** The config after these instructions. Fails with `invalid` and says which line. */
export function applyChanges(config: ImageConfig, changes: readonly string[]): ImageConfig {
  let result = config;
  for (const change of changes) {
    for (const line of change.replace(/\\[ \t]*\n/g, '').split('\n')) {
      const text = line.trim();
      if (text === '' || text.startsWith('#')) continue;
      const [, name = '', rest = ''] = /^(\S+)\s*([\s\S]*)$/.exec(text) ?? [];
      const apply = Object.hasOwn(instructions, name.toUpperCase())
        ? instructions[name.toUpperCase()]
        : undefined;
      if (!apply) throw new KraudError('invalid', `${name.slice(0, 50)} is not a valid change command`);
      result = apply(result, rest);
    }
  }
  return result;
}

/** A JSON list of strings is the command itself; anything else is a line for the shell. */
function command(config: ImageConfig, text: string): readonly string[] {
  return parseList(text) ?? (text === '' ? [] : [...(config.Shell ?? defaultShell), text]);
}

function parseList(text: string): string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) && list.every((item) => typeof item === 'string') ? list : undefined;
  } catch {
    return undefined;
  }
}

function expand(config: ImageConfig, text: string): string {
  return substitute(text, lookupIn(config));
}

function lookupIn(config: ImageConfig): (name: string) => string | undefined {
  return (name) => config.Env?.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
}

function setEnv(env: readonly string[], key: string, value: string): readonly string[] {
  const at = env.findIndex((entry) => entry.startsWith(`${key}=`));
  return at < 0 ? [...env, `${key}=${value}`] : env.with(at, `${key}=${value}`);
}

/** `80`, `80/udp`, `8000-8002`. */
function parsePort(text: string): string[] {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? first);
  if (!match || first > last || first < 1 || last > 65_535)
    throw new KraudError('invalid', `invalid containerPort: ${text.slice(0, 50)}`);
  const protocol = (match[3] ?? 'tcp').toLowerCase();
  return Array.from({ length: last - first + 1 }, (_, i) => `${first + i}/${protocol}`);
}

function single(instruction: string, text: string): string {
  if (text.trim() === '') throw missing(instruction);
  return text;
}

function missing(instruction: string): KraudError {
  return new KraudError('invalid', `${instruction} requires at least one argument`);
}

function setOf(keys: readonly string[]): Record<string, object> {
  return Object.fromEntries(keys.map((key) => [key, {}]));
}
