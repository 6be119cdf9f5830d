import { createInterface } from 'node:readline';
import { firstByte } from './first-byte.ts';

for await (const line of createInterface({ input: process.stdin })) {
  const { port, started } = JSON.parse(line) as {
    port: number;
    started?: { socket: string; container: string };
  };
  const answer = await firstByte(port, started).then(
    (ms) => ({ ms }),
    (error: unknown) => ({ error: String(error) }),
  );
  console.log(JSON.stringify(answer));
}
