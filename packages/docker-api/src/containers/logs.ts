import { type Clock, KraudError } from '@kraud/base';
import type { OutputEntry, OutputQuery, Pod } from '@kraud/cloud';
import type { Call } from '../call.ts';
import { type Operation, yes } from '../operation.ts';
import { nsToIso, parseTimeNs } from '../times.ts';
import { send } from '../wire/flow.ts';
import { frame } from '../wire/frames.ts';
import { outputType } from '../wire/output-type.ts';
import { detailsOf } from './log-details.ts';
import { mainOf } from './show/given.ts';
import { isRunning } from './show/state.ts';

export const containerLogs: Operation = {
  method: 'GET',
  path: '/containers/:id/logs',
  params: {
    follow: yes('flag'),
    stdout: yes('flag'),
    stderr: yes('flag'),
    since: yes('text'),
    until: yes('text'),
    timestamps: yes('flag'),
    tail: yes('text', '`all` or a number'),
    details: yes('flag', 'what the options of the log name: labels, variables, a tag'),
  },
  async run({ pods }, call) {
    const { query, signal } = call;
    const { clock } = call.serving;
    const wanted = outputQueryOf(call);
    const pod = await pods.get(call.caller, call.param('id'));
    const { spec } = mainOf(pod);
    if (spec.log.driver === 'none') {
      throw new KraudError('unsupported', 'configured logging driver does not support reading');
    }
    const shown = {
      timestamps: query.flag('timestamps'),
      details: query.flag('details') ? detailsOf(pod) : '',
    };
    const leftMs =
      wanted.untilNs === undefined ? undefined : Number(wanted.untilNs / 1_000_000n) - clock.now();
    const follows = query.flag('follow') && goesOn(pod) && (leftMs ?? 1) > 0;
    const output = {
      ...wanted,
      ...(follows ? presentRun(pod) : { follow: 'no' as const }),
      chunks: !shown.timestamps && shown.details === '',
    };
    using due = new Due(clock, follows ? leftMs : undefined);
    const entries = await pods.output(
      call.caller,
      pod.meta.uid,
      output,
      AbortSignal.any([signal, due.signal]),
    );
    const res = call.open(outputType(call.minor, spec.tty));
    const prefix = new Prefix(shown);
    for await (const entry of entries) {
      const data = prefix.put(entry);
      const wait = send(res, spec.tty ? data : frame({ stream: entry.stream, data }));
      if (wait) await wait;
    }
    res.end();
  },
};

/** Ends what follows a log once its last moment has passed, whether or not anything is said then. */
class Due implements Disposable {
  readonly #over = new AbortController();
  readonly #passed = new AbortController();

  constructor(clock: Clock, inMs: number | undefined) {
    if (inMs === undefined) return;
    void clock.sleep(inMs, this.#over.signal).then(
      () => this.#passed.abort(),
      () => {},
    );
  }

  get signal(): AbortSignal {
    return this.#passed.signal;
  }

  [Symbol.dispose](): void {
    this.#over.abort();
  }
}

/** Only what runs, or is about to, is followed: like dockerd, `logs -f` of a container that has ended ends too. */
export const goesOn = (pod: Pod): boolean => isRunning(pod) || pod.status.phase === 'starting';

/** The run that a pod is in, or the next one; it may be over before it is asked for. */
export function presentRun(pod: Pod): { follow: 'run'; run?: number } {
  const { phase, serial } = pod.status;
  const isIn = phase === 'running' || phase === 'paused' || phase === 'stopping';
  return { follow: 'run', ...(isIn ? { run: serial } : {}) };
}

/** What a client asks for of a container's or a task's output. */
export function outputQueryOf(call: Call): Omit<OutputQuery, 'follow' | 'chunks'> {
  const { query } = call;
  const stdout = query.flag('stdout');
  const stderr = query.flag('stderr');
  if (!stdout && !stderr) {
    throw new KraudError('invalid', 'Bad parameters: you must choose at least one stream');
  }
  const nowMs = call.serving.clock.now();
  const since = query.text('since');
  const until = query.text('until');
  return {
    stdout,
    stderr,
    from: tailOf(query.text('tail')),
    ...(since === '' || since === '0' ? {} : { sinceNs: parseTimeNs(since, 'since', nowMs) }),
    ...(until === '' || until === '0' ? {} : { untilNs: parseTimeNs(until, 'until', nowMs) }),
  };
}

/** Anything but a number means all of it, as with dockerd. */
function tailOf(text: string): OutputQuery['from'] {
  return /^\d{1,9}$/.test(text) ? Number(text) : 'start';
}

/** What stands before each line. A line that comes in pieces gets it once. */
class Prefix {
  readonly #wanted: { timestamps: boolean; details: string };
  readonly #inLine = { stdout: false, stderr: false };

  constructor(wanted: { timestamps: boolean; details: string }) {
    this.#wanted = wanted;
  }

  put({ stream, timeNs, data }: OutputEntry): Buffer {
    const begins = !this.#inLine[stream];
    if (data.length > 0) this.#inLine[stream] = data[data.length - 1] !== 0x0a;
    const { timestamps, details } = this.#wanted;
    if (!begins || (!timestamps && details === '')) return data;
    return Buffer.concat([Buffer.from(`${timestamps ? `${nsToIso(timeNs)} ` : ''}${details}`), data]);
  }
}
