// Shared by all tabs of a browser: one stream in all. With one a tab the seventh tab would hang (HTTP/1.1).
import { LiveStream } from './live-stream.js';

const ports = new Set();
let stream = null;

const tellAll = (message) => {
  for (const port of ports) port.postMessage(message);
};

onconnect = (event) => {
  const port = event.ports[0];
  port.onmessage = ({ data }) => {
    if (data.bye) {
      ports.delete(port);
      if (!ports.size && stream) {
        stream.close();
        stream = null;
      }
      return;
    }
    ports.add(port);
    if (!stream || stream.state === 'ended') {
      stream = new LiveStream(data.after, tellAll);
    } else {
      port.postMessage({ state: stream.state });
      // The page was made before news this stream has already passed on.
      if (stream.last > data.after) port.postMessage({ change: { kind: '*' }, position: stream.last });
    }
  };
};
