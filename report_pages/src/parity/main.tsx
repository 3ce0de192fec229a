import { render } from "preact";
import "../shared/theme.css";

const element = document.getElementById("page");
if (element !== null) render(<main>parity</main>, element);
