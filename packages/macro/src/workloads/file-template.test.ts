import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compactId } from '@kraud/base';
import { sampleHost, samplePod } from '../model/samples.ts';
import { type FileReader, fillFile } from './file-template.ts';
import { sampleSpec, WorkloadSim } from './sim.ts';

const host = sampleHost('alpha');

function reader(global = false): FileReader {
  const { workload } = new WorkloadSim(sampleSpec(global ? { mode: { type: 'global' } } : {}));
  assert.ok(workload);
  workload.meta.labels = { zone: 'süd' };
  const pod = samplePod('web.2.x');
  pod.meta.labels['kr.slot'] = global ? 'alpha' : '2';
  const [main] = pod.spec.containers;
  assert.ok(main);
  main.env = ['A=1', 'A=2', 'EMPTY='];
  const file = { type: 'file', mode: 0o444, uid: 0, gid: 0 } as const;
  main.mounts = [
    { ...file, source: 'Secret', name: 'key', target: '/run/secrets/short' },
    { ...file, source: 'Config', name: 'conf', target: '/etc/conf' },
  ];
  return { pod, container: main.name, workload, host };
}

const files: Record<string, Buffer> = {
  'Secret key': Buffer.from([0xff, 0x00, 0x7b, 0x7b]),
  'Config conf': Buffer.from('{{.Task.Slot}}'),
};
const fill = (text: string | Buffer, of = reader()): Promise<Buffer> =>
  fillFile(Buffer.from(text), of, async (source, name) => files[`${source} ${name}`] ?? Buffer.alloc(0));

test('what a template of a file may say', async () => {
  for (const [text, said] of [
    ['{{.Service.Name}} {{.Task.Slot}} {{ .Node.Hostname }}', 'web 2 alpha'],
    ['{{.Service.Labels.zone}}', 'süd'],
    ['{{env "A"}}|{{env "EMPTY"}}|{{env "NONE"}}', '2||'],
    ['a {{config "/etc/conf"}} b', 'a {{.Task.Slot}} b'],
    ['{not {a} template}', '{not {a} template}'],
  ] as const) {
    assert.equal((await fill(text)).toString(), said);
  }
  assert.equal((await fill('{{.Task.Slot}}', reader(true))).toString(), compactId(host.meta.uid));
});

test('bytes that are no text stay as they are', async () => {
  const [around, secret] = [Buffer.from([0x80, 0xc3, 0x28]), files['Secret key'] ?? Buffer.alloc(0)];
  const template = Buffer.concat([around, Buffer.from('{{secret "short"}}'), around]);
  assert.deepEqual(await fill(template), Buffer.concat([around, secret, around]));
});

test('what the container does not have is no empty text', async () => {
  await assert.rejects(fill('{{secret "other"}}'), { message: /no secret at \/run\/secrets\/other/ });
  await assert.rejects(fill('{{config "short"}}'), { message: /no config at \/short/ });
  await assert.rejects(fill('{{.Service.Labels.none}}'), { message: /no label none/ });
});
