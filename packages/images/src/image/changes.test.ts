import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KraudError } from '@kraud/base';
import fc from 'fast-check';
import type { ImageConfig } from '../contract.ts';
import { applyChanges } from './changes.ts';

test('each instruction changes what it does in a Dockerfile', () => {
  const table: [string, ImageConfig][] = [
    ['CMD ["a", "b"]', { Cmd: ['a', 'b'] }],
    ['cmd a b', { Cmd: ['/bin/sh', '-c', 'a b'] }],
    ['ENTRYPOINT ["e"]', { Entrypoint: ['e'] }],
    ['ENV A=1 B="two words" C=a\\ b', { Env: ['A=1', 'B=two words', 'C=a b'] }],
    ['ENV A one two', { Env: ['A=one two'] }],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what the Dockerfile says
    ['ENV A=1\nENV B=$A-${A}-${C:-d} A=2', { Env: ['A=2', 'B=1-1-d'] }],
    ["ENV A='$B'", { Env: ['A=$B'] }],
    [
      'EXPOSE 80 53/udp 8000-8001',
      { ExposedPorts: { '80/tcp': {}, '53/udp': {}, '8000/tcp': {}, '8001/tcp': {} } },
    ],
    ['LABEL a.b=c "x y"="z"', { Labels: { 'a.b': 'c', 'x y': 'z' } }],
    ['USER 1:2', { User: '1:2' }],
    ['VOLUME ["/a b"]', { Volumes: { '/a b': {} } }],
    ['VOLUME /a /b', { Volumes: { '/a': {}, '/b': {} } }],
    ['WORKDIR /a\nWORKDIR b', { WorkingDir: '/a/b' }],
    ['STOPSIGNAL SIGINT', { StopSignal: 'SIGINT' }],
    ['ONBUILD RUN x', { OnBuild: ['RUN x'] }],
    ['HEALTHCHECK NONE', { Healthcheck: { Test: ['NONE'] } }],
    [
      'HEALTHCHECK --interval=1m30s --retries=3 CMD curl x',
      { Healthcheck: { Test: ['CMD-SHELL', 'curl x'], Interval: 90e9, Retries: 3 } },
    ],
    ['HEALTHCHECK CMD ["x"]', { Healthcheck: { Test: ['CMD', 'x'] } }],
    ['# nothing', {}],
  ];
  for (const [change, config] of table) assert.deepEqual(applyChanges({}, [change]), config, change);
});

test('anything else is refused and says what', () => {
  const table: [string, RegExp][] = [
    ['RUN x', /RUN is not a valid change command/],
    ['constructor x', /constructor is not a valid/],
    ['ENV', /ENV requires at least one argument/],
    ['ENV A', /ENV must have two arguments/],
    ['ENV A=1 B', /can't find = in "B"/],
    ['EXPOSE x', /invalid containerPort/],
    ['EXPOSE 70000', /invalid containerPort/],
    ['VOLUME [""]', /can not be an empty string/],
    ['USER', /USER requires at least one argument/],
    ['ONBUILD FROM x', /FROM isn't allowed as an ONBUILD trigger/],
    ['HEALTHCHECK --x=1 CMD a', /unknown flag: x/],
    ['HEALTHCHECK --interval=5 CMD a', /invalid duration/],
    ['HEALTHCHECK run', /unknown type "run"/],
  ];
  for (const [change, message] of table)
    assert.throws(
      () => applyChanges({}, [change]),
      (error) => error instanceof KraudError && error.code === 'invalid' && message.test(error.message),
      change,
    );
});

test('any text is applied or refused, never a crash', () => {
  const names = fc.constantFrom(
    'CMD',
    'ENV',
    'LABEL',
    'EXPOSE',
    'USER',
    'VOLUME',
    'WORKDIR',
    'HEALTHCHECK',
    'ONBUILD',
  );
  fc.assert(
    fc.property(names, fc.string(), (name, text) => {
      try {
        applyChanges({ Env: ['A=1'] }, [`${name} ${text}`]);
      } catch (error) {
        assert.ok(error instanceof KraudError, String(error));
      }
    }),
  );
});
